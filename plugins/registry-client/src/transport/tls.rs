//! TLS settings: the roots of the system, private CAs, client certificates.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Once},
};

use rustls::{
    ClientConfig, ConfigBuilder, client::WantsClientCert, client::danger::ServerCertVerifier, crypto::CryptoProvider,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::verify::{Believing, Verifying};

/// CAs of one host besides the roots of the system, and the client certificate for it.
#[derive(Clone, Default)]
pub(crate) struct Trust {
    /// Certificates of private CAs, and self-signed ones of servers.
    pub(crate) roots: Vec<CertificateDer<'static>>,
    /// Our own certificate.
    pub(crate) identity: Option<Arc<Identity>>,
}

/// A client certificate with its chain, and its key.
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// The verification of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerVerification {
    /// By the roots of the system and these.
    By,
    /// Not at all.
    Nothing,
}

/// The TLS settings of a client.
///
/// # Errors
/// If the system has no roots and none are given, or if the client certificate does not fit.
pub(super) fn config(
    trust: &Trust,
    verify: ServerVerification,
    show: bool,
    http2: bool,
) -> Result<ClientConfig, rustls::Error> {
    install_crypto();
    let provider = CryptoProvider::get_default().expect("one was installed").clone();
    let verifier: Arc<dyn ServerCertVerifier> = match verify {
        ServerVerification::By => Arc::new(Verifying::new(&trust.roots, Arc::clone(&provider))?),
        ServerVerification::Nothing => Arc::new(Believing::new(Arc::clone(&provider))),
    };
    let builder: ConfigBuilder<ClientConfig, WantsClientCert> = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match trust.identity.as_ref().filter(|_| show) {
        Some(identity) => builder.with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    Ok(config)
}

/// Chooses ring for all TLS of this process, unless the program chose something before.
pub(crate) fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error says that there is one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// The CA certificates of a PEM file.
///
/// # Errors
/// A sentence, if there is none or one cannot be read.
pub(crate) fn read_ca(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    if found.is_empty() {
        return Err("has no certificate; it must be PEM with `BEGIN CERTIFICATE`".to_owned());
    }
    // Reading them once here means that a bad one is told offline, with its file.
    let mut store = rustls::RootCertStore::empty();
    for der in &found {
        store.add(der.clone()).map_err(|_| "has a certificate that cannot be read".to_owned())?;
    }
    Ok(found)
}

/// A client certificate and its key, both PEM.
///
/// # Errors
/// A sentence, if one of them is missing or cannot be read. Nothing of the key is repeated.
pub(crate) fn read_identity(certificate: &[u8], key: &[u8]) -> Result<Arc<Identity>, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate).filter_map(Result::ok).collect();
    if chain.is_empty() {
        return Err("has no certificate; it must be PEM with `BEGIN CERTIFICATE`".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| "comes with a key that cannot be read; it must be PEM and not encrypted".to_owned())?;
    let identity = Identity { chain, key };
    let trial = Trust { roots: Vec::new(), identity: Some(Arc::new(identity)) };
    config(&trial, ServerVerification::Nothing, true, false).map_err(|why| unusable(&why).to_owned())?;
    Ok(trial.identity.expect("it was put there"))
}

fn unusable(why: &rustls::Error) -> &'static str {
    match why {
        rustls::Error::InvalidCertificate(_) => {
            "is made in a way that is not supported, such as X.509 version 1: issue it as version 3"
        }
        _ => "does not fit together with its key",
    }
}

/// The directories with certificates of hosts, besides the user's own. Podman, skopeo and CRI-O read both.
const CERTS_D: [&str; 2] = ["/etc/containers/certs.d", "/etc/docker/certs.d"];

/// Returns the directories with certificates of hosts.
pub(crate) fn certs_d(env: &dyn Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let home = env("HOME").filter(|home| !home.is_empty());
    let home = home.map(|home| Path::new(&home).join(".config/containers/certs.d"));
    home.into_iter().chain(CERTS_D.map(PathBuf::from)).collect()
}

/// Reads the certificates for a host: `*.crt` are CAs, `NAME.cert` with `NAME.key` is a client certificate. All CAs
/// count, and the first client certificate.
///
/// # Errors
/// A sentence with the file that cannot be used.
pub(crate) async fn from_certs_d(directories: &[PathBuf], registry: &str) -> Result<Trust, String> {
    let mut trust = Trust::default();
    for directory in directories {
        let found = from_directory(&directory.join(registry)).await?;
        trust.roots.extend(found.roots);
        trust.identity = trust.identity.or(found.identity);
    }
    Ok(trust)
}

async fn from_directory(directory: &Path) -> Result<Trust, String> {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    let mut trust = Trust::default();
    let mut entries = match tokio::fs::read_dir(directory).await {
        Ok(entries) => entries,
        // As Docker does: a directory without permission to read is skipped.
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | PermissionDenied) => return Ok(trust),
        Err(error) => return Err(format!("cannot read `{}`: {error}", directory.display())),
    };
    let told = |path: &Path, why: &str| format!("`{}` {why}", path.display());
    while let Some(entry) = entries.next_entry().await.map_err(|error| told(directory, &error.to_string()))? {
        let path = entry.path();
        let read = |path: PathBuf| async move {
            tokio::fs::read(&path).await.map_err(|error| told(&path, &format!("cannot be read: {error}")))
        };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("crt") => {
                trust.roots.extend(read_ca(&read(path.clone()).await?).map_err(|why| told(&path, &why))?);
            }
            Some("cert") => {
                let (certificate, key) = (read(path.clone()).await?, read(path.with_extension("key")).await?);
                trust.identity = Some(read_identity(&certificate, &key).map_err(|why| told(&path, &why))?);
            }
            _ => {}
        }
    }
    Ok(trust)
}

#[cfg(test)]
mod tests;

//! Who is trusted: the roots of the system, private CAs, client certificates.

use std::{io, path::Path, sync::Once};

use reqwest::{Certificate, Identity};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

/// What a host is verified by, besides the roots of the system, and what we show of ourselves.
#[derive(Clone, Default)]
pub(crate) struct Trust {
    /// Certificates of private CAs.
    pub(crate) roots: Vec<Certificate>,
    /// Our own certificate.
    pub(crate) identity: Option<Identity>,
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
pub(crate) fn read_ca(pem: &[u8]) -> Result<Vec<Certificate>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    if found.is_empty() {
        return Err("has no certificate; it must be PEM with `BEGIN CERTIFICATE`".to_owned());
    }
    let as_root = |der: &CertificateDer<'_>| {
        // Reading it once here means that a bad one is told offline, with its file.
        let mut store = rustls::RootCertStore::empty();
        store.add(der.clone().into_owned()).map_err(|error| format!("has a certificate that is no CA: {error}"))?;
        Certificate::from_der(der).map_err(|_| "has a certificate that cannot be read".to_owned())
    };
    found.iter().map(as_root).collect()
}

/// A client certificate and its key, both PEM.
///
/// # Errors
/// A sentence, if one of them is missing or cannot be read. Nothing of the key is repeated.
pub(crate) fn read_identity(certificate: &[u8], key: &[u8]) -> Result<Identity, String> {
    if !CertificateDer::pem_slice_iter(certificate).any(|found| found.is_ok()) {
        return Err("has no certificate; it must be PEM with `BEGIN CERTIFICATE`".to_owned());
    }
    if PrivateKeyDer::from_pem_slice(key).is_err() {
        return Err("comes with a key that cannot be read; it must be PEM and not encrypted".to_owned());
    }
    let both = [certificate, b"\n", key].concat();
    Identity::from_pem(&both).map_err(|_| "does not fit together with its key".to_owned())
}

/// What Docker's `certs.d` has for a host: `*.crt` are CAs, `NAME.cert` with `NAME.key` is ours.
///
/// # Errors
/// A sentence with the file that cannot be used.
pub(crate) async fn from_certs_d(directory: &Path, registry: &str) -> Result<Trust, String> {
    let mut trust = Trust::default();
    let directory = directory.join(registry);
    let mut entries = match tokio::fs::read_dir(&directory).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(trust),
        // As Docker does: a directory that we may not look into is somebody else's.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(trust),
        Err(error) => return Err(format!("cannot read `{}`: {error}", directory.display())),
    };
    let told = |path: &Path, why: &str| format!("`{}` {why}", path.display());
    while let Some(entry) = entries.next_entry().await.map_err(|error| told(&directory, &error.to_string()))? {
        let path = entry.path();
        let read = |path: std::path::PathBuf| async move {
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

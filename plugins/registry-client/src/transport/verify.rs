//! Verification of server certificates.
//!
//! The verifier of the platform decides, with one exception: a server that shows the very certificate that the user
//! trusts. `openssl req -x509` makes self-signed certificates that say of themselves that they are a CA, and Docker's own
//! page about insecure registries does so. webpki refuses a CA as certificate of a server in any case; OpenSSL and
//! Go take it.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use rustls_platform_verifier::Verifier;

/// Verifies by the roots of the system and of the user.
#[derive(Debug)]
pub(super) struct Verifying {
    platform: Verifier,
    roots: Vec<CertificateDer<'static>>,
}

impl Verifying {
    pub(super) fn new(roots: &[CertificateDer<'static>], provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let platform = match roots {
            [] => Verifier::new(provider)?,
            roots => Verifier::new_with_extra_roots(roots.iter().cloned(), provider)?,
        };
        Ok(Self { platform, roots: roots.to_vec() })
    }

    /// Returns true if exactly this certificate was named as trusted, by the user or on this system.
    fn is_anchor(&self, certificate: &CertificateDer<'_>) -> bool {
        let same = |known: &CertificateDer<'_>| known.as_ref() == certificate.as_ref();
        // The verifier does not give away its roots, so those of the system are read again; this path is rare.
        self.roots.iter().any(same) || rustls_native_certs::load_native_certs().certs.iter().any(same)
    }
}

/// webpki looks at the dates before it looks whether it is a CA, so a certificate that ran out is told as that.
fn is_ca_as_server(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(OtherError(why))) = error else { return false };
    matches!(why.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

impl ServerCertVerifier for Verifying {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let refused = match self.platform.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        {
            Err(error) if is_ca_as_server(&error) => error,
            decided => return decided,
        };
        if !self.is_anchor(end_entity) {
            return Err(refused);
        }
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    // That the server has the key of the certificate is verified in any case.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.platform.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.platform.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.platform.supported_verify_schemes()
    }
}

/// Believes every certificate, for registries that the user calls insecure.
#[derive(Debug)]
pub(super) struct Believing(Arc<CryptoProvider>);

impl Believing {
    pub(super) fn new(provider: Arc<CryptoProvider>) -> Self {
        Self(provider)
    }
}

impl ServerCertVerifier for Believing {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

//! TLS to the database, by rustls with the provider that the rest of the program uses.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as Stream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// Whose certificates are good.
#[derive(Clone, Copy)]
pub(super) enum Trust<'a> {
    /// Anybody's: what is sent is encrypted, though with whomever.
    Anybody,
    /// Those that the public authorities vouch for.
    PublicAuthorities,
    /// Those that the authorities in this PEM file vouch for.
    File(&'a Path),
}

/// Makes connections encrypted.
#[derive(Clone)]
pub(super) struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    pub(super) fn new(trust: Trust<'_>) -> Result<Self, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match trust {
            Trust::Anybody => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Unverified { provider })),
            Trust::PublicAuthorities => builder.with_root_certificates(
                webpki_roots::TLS_SERVER_ROOTS
                    .iter()
                    .cloned()
                    .collect::<RootCertStore>(),
            ),
            Trust::File(file) => builder.with_root_certificates(authorities(file)?),
        };
        let config = Arc::new(builder.with_no_client_auth());
        Ok(Self { config })
    }
}

fn authorities(file: &Path) -> Result<RootCertStore, String> {
    let unread = |told: &dyn std::fmt::Display| format!("sslrootcert {}: {told}", file.display());
    let mut store = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(file).map_err(|error| unread(&error))?;
    for certificate in found {
        let certificate = certificate.map_err(|error| unread(&error))?;
        store.add(certificate).map_err(|error| unread(&error))?;
    }
    if store.is_empty() {
        return Err(unread(&"it holds no certificate"));
    }
    Ok(store)
}

/// Takes any certificate, as libpq does below `verify-ca`; that whoever shows it holds its key is still checked.
#[derive(Debug)]
struct Unverified {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Unverified {
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
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Encrypted;
    type TlsConnect = Named;
    type Error = io::Error;

    fn make_tls_connect(&mut self, domain: &str) -> io::Result<Named> {
        // A socket's path is no name, and nothing is encrypted on it.
        let name = ServerName::try_from(domain.to_owned())
            .or_else(|_| ServerName::try_from("localhost".to_owned()))
            .map_err(io::Error::other)?;
        Ok(Named {
            config: Arc::clone(&self.config),
            name,
        })
    }
}

/// The same for one host.
pub(super) struct Named {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl TlsConnect<Socket> for Named {
    type Stream = Encrypted;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let connecting = TlsConnector::from(self.config).connect(self.name, socket);
            Ok(Encrypted(Box::new(connecting.await?)))
        })
    }
}

/// An encrypted connection.
pub(super) struct Encrypted(Box<Stream<Socket>>);

impl TlsStream for Encrypted {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

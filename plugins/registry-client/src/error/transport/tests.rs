use super::*;

fn failed(phase: Phase, kind: io::ErrorKind) -> TransportError {
    TransportError::from_io(phase, kind.into())
}

// A host that answered others meanwhile is asked again without using up its budget, and this is how it is told.
#[test]
fn an_exchange_that_broke_off_is_told_from_a_refusal() {
    for (phase, kind) in [
        (Phase::Exchange, io::ErrorKind::ConnectionReset),
        (Phase::Exchange, io::ErrorKind::UnexpectedEof),
        (Phase::Connect, io::ErrorKind::ConnectionRefused),
        (Phase::Connect, io::ErrorKind::TimedOut),
    ] {
        let error = transport(&failed(phase, kind), Peer("r.io")).with_context("cannot read");
        assert!(BrokenExchange::is_cause_of(&error), "{error}");
        assert!(error.causes().is_empty(), "the mark is not shown");
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Soon), "{error}");
    }
    assert!(!BrokenExchange::is_cause_of(&Peer("r.io").silent(Duration::from_secs(1))));
}

#[test]
fn errors_of_this_side_stay_what_they_are() {
    let own = Error::new(ErrorKind::Storage, "TLS cannot be set up").with_retry(Retry::Never);
    let error = TransportError { phase: Phase::Connect, kind: None, cause: own.into() };
    let error = transport(&error, Peer("r.io"));
    assert_eq!((error.kind(), error.message()), (ErrorKind::Storage, "TLS cannot be set up"));
}

// It was told as "no valid HTTP response", and tried again and again.
#[test]
fn a_server_that_misses_a_client_certificate_is_understood_with_tls_1_3_too() {
    for alert in ["CertificateRequired", "BadCertificate", "UnknownCA"] {
        let cause = io::Error::new(io::ErrorKind::InvalidData, format!("received fatal alert: {alert}"));
        let error = TransportError { phase: Phase::Exchange, kind: Some(cause.kind()), cause: cause.into() };
        let error = transport(&error, Peer("r.io"));
        assert_eq!(error.retry(), Retry::Never);
        assert!(error.message().contains("ended the TLS handshake: "), "{error}");
        assert!(error.hint().unwrap().contains("`client_cert` and `client_key`"), "{error}");
    }
}

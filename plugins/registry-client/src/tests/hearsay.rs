//! What an earlier run noted of how registries log in, and what becomes of it when it is wrong.

use sealift_core::{
    error::ErrorKind,
    notes::{Notes, Room},
    stage::Push,
};
use sealift_serve::access::RequestKind;
use sealift_testkit::{
    book::Book,
    registry::{Registry, login as htpasswd_line},
};

use super::{double::*, logging_in::behind_tokens, setting::*};
use crate::config::Registry as Entry;

/// What one run does: it brings a blob, with several requests.
async fn run(host: &str, entry: Entry, notes: Notes) {
    let client = client_noting(&[(host, entry)], notes);
    let sent = send(&push_of(&client), &repository(host, "a/b"), &noise(1000)).await;
    assert!(matches!(sent.unwrap(), "sent" | "have"));
}

/// How many requests were refused because nothing or the wrong thing was sent with them.
fn unauthorized(registry: &Registry) -> usize {
    registry.requests().iter().filter(|request| request.status == 401).count()
}

#[tokio::test]
async fn the_second_run_brings_its_token_with_the_first_request() {
    let Some((registry, service)) = behind_tokens(&[("bot", "secret")]).await else { return };
    let book = Book::new();
    run(&registry.host(), login("bot", "secret"), book.notes()).await;
    assert_eq!(unauthorized(&registry), 1);
    registry.reset();
    service.forget();
    run(&registry.host(), login("bot", "secret"), book.notes()).await;
    assert_eq!((unauthorized(&registry), service.asked().len()), (0, 1));
    assert_eq!(registry.requests().of_kind(RequestKind::Ping), 0);
}

#[tokio::test]
async fn the_second_run_brings_its_password_with_the_first_request() {
    let Some(line) = htpasswd_line("bot", "secret") else { return };
    let Some(registry) = Registry::with().htpasswd(line).start() else { return };
    let book = Book::new();
    run(&registry.host(), login("bot", "secret"), book.notes()).await;
    registry.reset();
    run(&registry.host(), login("bot", "secret"), book.notes()).await;
    assert_eq!(unauthorized(&registry), 0);
}

#[tokio::test]
async fn nothing_secret_is_noted() {
    let Some((registry, _service)) = behind_tokens(&[("CANARY", "CANARY")]).await else { return };
    let book = Book::new();
    run(&registry.host(), login("CANARY", "CANARY"), book.notes()).await;
    let notes = book.read(Room::Challenges);
    let (key, note) = notes.first_key_value().unwrap();
    assert_eq!(*key, format!("{}/", registry.url()));
    let note = String::from_utf8_lossy(note);
    assert!(!note.contains("CANARY") && !note.to_lowercase().contains("eyj"), "no login and no token: {note}");
}

#[tokio::test]
async fn a_wrong_note_costs_a_request_and_is_put_right() {
    // A server that takes a login for a token, and gives none.
    let stranger = Double::start(|_| reply(401)).await;
    let realm = stranger.url("/token");
    let poisons = [
        "basic".to_owned(),
        "bearer\nhttp://127.0.0.1:1/token\nnobody listens".to_owned(),
        format!("bearer\n{realm}\nsomebody else"),
        "bearer\nnonsense\n".to_owned(),
        "bearer\nhttp://169.254.169.254/token\n".to_owned(),
        "digest".to_owned(),
    ];
    for entry in [login("bot", "secret"), Entry::default()] {
        let Some((registry, service)) = behind_tokens(&[("bot", "secret")]).await else { return };
        service.rights(|_, _, _| true); // also of nobody in particular
        let book = Book::new();
        run(&registry.host(), entry.clone(), book.notes()).await;
        let right = book.read(Room::Challenges);
        for poison in &poisons {
            assert_eq!(book.spoil(Room::Challenges, |_| poison.clone()), 1);
            registry.reset();
            service.forget();
            run(&registry.host(), entry.clone(), book.notes()).await;
            assert!(unauthorized(&registry) <= 1, "{poison:?}: {}", registry.requests());
            assert_eq!(service.asked().len(), 1, "{poison:?}");
            assert_eq!(book.read(Room::Challenges), right, "{poison:?}");
        }
    }
}

#[tokio::test]
async fn a_registry_that_took_tokens_may_take_passwords_now() {
    let Some(line) = htpasswd_line("bot", "secret") else { return };
    let Some(registry) = Registry::with().htpasswd(line).start() else { return };
    let (_, service) = match behind_tokens(&[("bot", "secret")]).await {
        Some(both) => both,
        None => return,
    };
    let book = Book::new();
    run(&registry.host(), login("bot", "secret"), book.notes()).await;
    // The service gives a token, and the registry wants none.
    book.spoil(Room::Challenges, |_| format!("bearer\n{}\nany", service.realm()));
    run(&registry.host(), login("bot", "secret"), book.notes()).await;
    assert_eq!(book.read(Room::Challenges).values().next().unwrap(), "basic");
}

#[tokio::test]
async fn a_wrong_password_is_shown_once_also_where_an_earlier_run_was_taken() {
    let Some((registry, service)) = behind_tokens(&[("bot", "secret")]).await else { return };
    let book = Book::new();
    run(&registry.host(), login("bot", "secret"), book.notes()).await;
    service.forget();
    let client = client_noting(&[(&registry.host(), login("bot", "wrong"))], book.notes());
    let (push, at) = (push_of(&client), repository(&registry.host(), "a/b"));
    for _ in 0..3 {
        let error = send(&push, &at, &noise(2000)).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Denied, false), "{error}");
    }
    assert_eq!(service.asked().len(), 1, "{:?}", service.asked());
}

#[tokio::test]
async fn of_a_host_that_need_not_prove_itself_nothing_is_noted() {
    let Some((registry, _service)) = behind_tokens(&[("bot", "secret")]).await else { return };
    let book = Book::new();
    run(&registry.host(), Entry { insecure: true, ..login("bot", "secret") }, book.notes()).await;
    assert!(book.read(Room::Challenges).is_empty());
}

#[tokio::test]
async fn a_note_that_calls_a_registry_harbor_costs_questions_only() {
    let Some((registry, service)) = behind_tokens(&[("bot", "secret")]).await else { return };
    let book = Book::new();
    run(&registry.host(), login("bot", "secret"), book.notes()).await;
    book.spoil(Room::Challenges, |_| format!("bearer\n{}\nharbor-registry", service.realm()));
    let client = client_noting(&[(&registry.host(), login("bot", "secret"))], book.notes());
    let push = push_of(&client);
    let at = repository(&registry.host(), "a/c");
    assert_eq!(send(&push, &at, &noise(2000)).await.unwrap(), "sent");
    assert!(push.has(&at, &layer(&noise(2000))).await.unwrap());
}

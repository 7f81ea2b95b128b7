use futures::FutureExt;

use super::*;

fn users(text: &str) -> Result<Users> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Users::read(file.path())
}

fn line(name: &str, password: &str) -> String {
    format!("{name}:{}\n", bcrypt::hash(password, 4).unwrap())
}

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[tokio::test]
async fn who_has_the_password_is_let_in_and_then_known() {
    let users = Arc::new(users(&format!("# ours\n\n{}{}", line("ann", "a:b"), line("bob", "secret"))).unwrap());
    assert_eq!(users.admit(HERE, "ann", "a:b").await, LoginVerdict::Right);
    assert!(users.known().contains_key("ann"));
    assert_eq!(users.admit(HERE, "ann", "a:b").await, LoginVerdict::Right);
    for (name, password) in [("ann", "secret"), ("ann", ""), ("bob", "a:b"), ("eve", "secret"), ("", "")] {
        assert_eq!(users.admit(HERE, name, password).await, LoginVerdict::Wrong, "{name}");
    }
    assert_eq!(users.known().len(), 1, "what was wrong is not kept");
}

/// One user whose password takes long enough to check to be seen at it.
fn slow() -> Arc<Users> {
    Arc::new(users(&format!("ann:{}\n", bcrypt::hash("x", 11).unwrap())).unwrap())
}

// Seen: an unknown name was answered after 1 ms and a known one after 306 ms, and its hash went on without a turn.
#[tokio::test]
async fn an_unknown_name_takes_as_long_as_a_known_one() {
    let users = slow();
    for name in ["ann", "eve"] {
        let mut answer = Box::pin(users.admit(HERE, name, "wrong"));
        assert_eq!((&mut answer).now_or_never(), None, "{name}: it waits for the check");
        assert_eq!(users.checks.running(), 1, "{name}");
        assert_eq!(answer.await, LoginVerdict::Wrong);
    }
    assert_eq!(users.admit(HERE, "eve", "x").await, LoginVerdict::Wrong, "the password of another one");
}

// Seen: 150 logins that were hung up on kept 153 threads busy, because their turn ended with them.
#[tokio::test]
async fn a_login_that_was_hung_up_on_keeps_its_turn_until_its_check_ends() {
    let users = slow();
    for number in 0..20 {
        let name = if number % 2 == 0 { "ann" } else { "eve" };
        assert_eq!(users.admit(HERE, name, &format!("{number}")).now_or_never(), None);
    }
    assert_eq!(users.checks.running(), TOGETHER, "the first two go on, the others have gone");
    assert_eq!(users.admit(HERE, "ann", "x").await, LoginVerdict::Right);
    while users.checks.running() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[test]
fn a_line_that_cannot_be_taken_is_named() {
    let good = line("ann", "x");
    for (bad, expected) in [
        ("bob:$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00", "line 2: the password of `bob` is no bcrypt hash"),
        ("bob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "line 2: the password of `bob` is no bcrypt hash"),
        ("bob:$2y$05$short", "line 2: the password of `bob` is no bcrypt hash"),
        ("bob:plain", "line 2: the password of `bob` is no bcrypt hash"),
        ("bob", "line 2: there is no `:` after a name"),
        (":x", "line 2: there is no name before the `:`"),
    ] {
        let error = users(&format!("{good}{bad}\n")).err().unwrap();
        assert!(error.message().ends_with(expected), "{error}");
    }
    assert!(users("# nobody\n").err().unwrap().message().ends_with("names nobody"));
}

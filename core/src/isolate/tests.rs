use super::*;

trait Number: Send + Sync {
    fn number(&self) -> u32;
}

struct Fixed(u32);

impl Number for Fixed {
    fn number(&self) -> u32 {
        assert!(self.0 != 13, "thirteen");
        self.0
    }
}

fn isolated(number: u32) -> Isolated<dyn Number> {
    Isolated::new("login", "acme".into(), LIMIT, Arc::new(Fixed(number)))
}

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_answer_passes() {
    let plugin = isolated(7);
    assert_eq!(plugin.call("counted", |plugin| async move { Ok(plugin.number()) }).await.unwrap(), 7);
}

#[tokio::test]
async fn a_panic_becomes_an_error_that_names_the_plugin() {
    let plugin = isolated(13);
    let called = plugin.call("counted", |plugin| async move { Ok(plugin.number()) }).await;
    let error = called.unwrap_err();
    assert_eq!(error.to_string(), "the login `acme` broke while it counted: thirteen");
    assert_eq!(error.kind(), ErrorKind::Bug);
}

#[tokio::test]
async fn a_panic_before_the_first_await_becomes_an_error() {
    let plugin = isolated(13);
    let called = plugin.call("counted", |plugin| {
        let number = plugin.number();
        async move { Ok(number) }
    });
    assert!(called.await.unwrap_err().to_string().contains("thirteen"));
}

#[tokio::test(start_paused = true)]
async fn a_hang_ends_at_the_limit() {
    let plugin = isolated(7);
    let called: Result<()> = plugin.call("counted", |_| std::future::pending()).await;
    let error = called.unwrap_err();
    assert_eq!(error.to_string(), "the login `acme` counted, without an answer, for 60 seconds");
}

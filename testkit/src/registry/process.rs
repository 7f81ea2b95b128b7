//! The process of a registry: started, watched until it listens, and never left behind.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{access_log_in, setup};

/// A machine with other work may take long to start a process.
const PATIENCE: Duration = Duration::from_secs(90);

pub(super) struct Process {
    child: Option<Child>,
    watcher: Option<JoinHandle<()>>,
    log: Arc<Mutex<String>>,
    pub(super) addr: SocketAddr,
}

impl Process {
    /// Starts the registry whose configuration is in `dir`, and waits until it says that it listens, or, if it is a
    /// lean one that says nothing, until it does.
    pub(super) fn start(program: &Path, dir: &Path, listen: SocketAddr, lean: bool) -> Self {
        let mut command = command(program, dir, listen, lean);
        let log = Arc::new(Mutex::new(String::new()));
        let (news, started) = mpsc::channel();
        let shared = Arc::clone(&log);
        // The child is started by the thread that reads its log: the kernel ends it together with the *thread* that
        // started it, and this one lives for as long as the child does.
        let watcher = std::thread::spawn(move || {
            let mut child = command.spawn().expect("the registry can be started");
            let stderr = child.stderr.take().expect("it was piped");
            let _ = news.send(Started::Child(child));
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some(addr) = listening(&line) {
                    let _ = news.send(Started::Listening(addr));
                }
                let mut log = shared.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut this = Self { child: None, watcher: Some(watcher), log, addr: listen };
        loop {
            match started.recv_timeout(PATIENCE) {
                Ok(Started::Child(child)) => {
                    this.child = Some(child);
                    if lean && answers(listen) {
                        return this;
                    }
                }
                Ok(Started::Listening(addr)) => {
                    this.addr = addr;
                    return this;
                }
                Err(_) => {
                    let said = this.log();
                    this.kill();
                    panic!("the registry did not start to listen:\n{said}");
                }
            }
        }
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill(); // it may have ended by itself
            let _ = child.wait();
        }
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }

    pub(super) fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    pub(super) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

enum Started {
    Child(Child),
    Listening(SocketAddr),
}

fn command(registry: &Path, dir: &Path, listen: SocketAddr, lean: bool) -> Command {
    let guard = Path::new("/usr/bin/setpriv");
    let mut command = if guard.exists() {
        // Ends the registry when the test process is killed and no destructor runs.
        let mut command = Command::new(guard);
        command.args(["--pdeathsig", "KILL"]).arg(registry);
        command
    } else {
        Command::new(registry)
    };
    let requests = File::options().create(true).append(true).open(access_log_in(dir)).expect("its log can be opened");
    command
        .arg("serve")
        .arg(setup::config_in(dir))
        .env("REGISTRY_HTTP_ADDR", listen.to_string())
        .env("GOGC", if lean { "400" } else { "100" })
        .env("OTEL_TRACES_EXPORTER", "none") // distribution 3 sends traces to this machine otherwise
        .stdin(Stdio::null())
        .stdout(requests)
        .stderr(Stdio::piped());
    command
}

/// Waits until an address accepts connections, and returns false after [`PATIENCE`]: a registry that logs only errors
/// does not report that it listens.
fn answers(at: SocketAddr) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(at).is_err() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// `"msg":"listening on 127.0.0.1:46053"`, with `, tls` at the end where it is.
fn listening(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("\"listening on ")?;
    rest.split(['"', ',']).next()?.parse().ok()
}

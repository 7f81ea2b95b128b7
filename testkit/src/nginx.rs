//! A real nginx in front of a registry, as a process of its own.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{program, tls::Identity};

/// A running nginx. It ends with the value.
pub struct Nginx {
    child: Child,
    addr: SocketAddr,
    dir: TempDir,
}

/// A machine with other work may take long to start a process.
const PATIENCE: Duration = Duration::from_secs(60);

impl Nginx {
    /// Starts one that hands requests on to `upstream`, with further directives for its server; `None` if `nginx` is not
    /// installed.
    ///
    /// # Panics
    /// If it does not start, or is not installed while `CI` is set.
    pub fn before(upstream: SocketAddr, directives: &str) -> Option<Self> {
        Self::start(upstream, None, directives)
    }

    /// The same, and it speaks https with HTTP/2 to its clients.
    ///
    /// # Panics
    /// If it does not start, or is not installed while `CI` is set.
    pub fn with_tls_before(upstream: SocketAddr, identity: &Identity, directives: &str) -> Option<Self> {
        Self::start(upstream, Some(identity), directives)
    }

    fn start(upstream: SocketAddr, identity: Option<&Identity>, directives: &str) -> Option<Self> {
        let program = program::find("nginx")?;
        let dir = tempfile::tempdir().expect("there is room for temporary files");
        let addr = {
            let free = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
            free.local_addr().expect("a bound socket has an address")
        };
        let root = dir.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {root}/{kind};\n"))
            .concat();
        let file = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).expect("there is room for temporary files");
        };
        let (how, scheme) = match identity {
            Some(identity) => {
                file("cert.pem", &identity.certificate);
                file("key.pem", &identity.key);
                (format!(" ssl http2;\nssl_certificate {root}/cert.pem;\nssl_certificate_key {root}/key.pem"), "https")
            }
            None => (String::new(), "http"),
        };
        let conf = format!(
            "daemon off;\nmaster_process off;\npid {root}/pid;\nerror_log {root}/error.log;\nevents {{}}\nhttp {{\n{temporary}\
             log_format short '$request_method $status $content_length $request_uri';\naccess_log {root}/access.log short;\n\
             server {{\nlisten {addr}{how};\n{directives}\nlocation / {{\nproxy_pass http://{upstream};\n\
             proxy_set_header Host $http_host;\nproxy_set_header X-Forwarded-Proto {scheme};\n}}\n}}\n}}\n"
        );
        file("nginx.conf", &conf);
        let mut command = Command::new(program);
        command
            .arg("-p")
            .arg(dir.path())
            .arg("-c")
            .arg(dir.path().join("nginx.conf"))
            .arg("-e")
            .arg(dir.path().join("error.log"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let nginx = Self { child: child.expect("nginx can be started"), addr, dir };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(addr).is_err() {
            let said = || std::fs::read_to_string(nginx.dir.path().join("error.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "nginx did not start to listen: {}", said());
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(nginx)
    }

    /// Host and port, as they stand in references.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    /// Returns its answers so far, one a line: method, status, length of the request's body, path.
    ///
    /// It writes a line when it is done with a request, which may be a moment after the client was.
    pub fn log(&self) -> Vec<String> {
        std::thread::sleep(Duration::from_millis(100));
        let log: PathBuf = self.dir.path().join("access.log");
        std::fs::read_to_string(log).unwrap_or_default().lines().map(ToOwned::to_owned).collect()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended by itself
        let _ = self.child.wait();
    }
}

//! A server process for tests, and Python environments of the client lines.

#![allow(dead_code)] // each test target uses its own part

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A server on a store of its own.
pub struct Server {
    child: Option<Child>,
    pub port: u16,
    pub home: PathBuf,
    arguments: Vec<String>,
}

impl Server {
    /// Starts a server on a fresh SQLite file in `home`.
    pub fn start(home: &Path, arguments: &[&str]) -> Server {
        let mut server = Server {
            child: None,
            port: free_port(),
            home: home.to_owned(),
            arguments: arguments.iter().map(|a| (*a).to_owned()).collect(),
        };
        server.again();
        server
    }

    /// Starts it again, on the same port and store, and waits until it answers.
    pub fn again(&mut self) {
        let log = File::options().create(true).append(true).open(self.home.join("server.log")).expect("log file");
        let child = Command::new(env!("CARGO_BIN_EXE_mintaka"))
            .args(["server", "start", "--port", &self.port.to_string()])
            .args(&self.arguments)
            .env("MINTAKA_HOME", &self.home)
            .stdout(log.try_clone().expect("log file"))
            .stderr(log)
            .spawn()
            .expect("the server starts");
        self.child = Some(child);
        self.wait_until_it_answers();
    }

    fn wait_until_it_answers(&mut self) {
        let until = Instant::now() + Duration::from_secs(60);
        while !self.get("/api/health").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            if let Some(status) = self.child.as_mut().and_then(|c| c.try_wait().expect("status")) {
                panic!("the server ended with {status}: {}", self.log());
            }
            assert!(Instant::now() < until, "the server does not answer: {}", self.log());
            std::thread::sleep(Duration::from_millis(10)); // until it listens
        }
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.join("server.log")).unwrap_or_default()
    }

    /// Kills it without a chance to say goodbye.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// `http://127.0.0.1:PORT/api`
    pub fn api(&self) -> String {
        format!("http://127.0.0.1:{}/api", self.port)
    }

    /// The raw answer to a GET.
    pub fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}

/// A client line, by the release that stands for it.
#[derive(Clone, Copy, Debug)]
pub enum Line {
    V2,
    V3,
}

impl Line {
    const fn release(self) -> &'static str {
        match self {
            Line::V2 => "2.20.26",
            Line::V3 => "3.9.1",
        }
    }

    /// The folder of a virtual environment that has the client. Made once, by whoever comes first.
    pub fn environment(self) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("prefect-{}", self.release()));
        let lock = File::create(folder.with_extension("lock")).expect("lock file");
        lock.lock().expect("lock");
        let ready = folder.join("ready");
        if !ready.exists() {
            run(Command::new(python()).args(["-m", "venv", "--clear"]).arg(&folder));
            let pip = |arguments: &[&str]| {
                let mut pip = Command::new(folder.join("bin/python"));
                pip.args(["-m", "pip", "-q", "--disable-pip-version-check", "install"]).args(arguments);
                pip
            };
            let release = format!("prefect=={}", self.release());
            if !succeeds(&mut pip(&[&release, "setuptools<81"])) {
                // The release asks for a newer certifi than some package indexes have: take its other requirements.
                run(&mut pip(&["prefect<4", "setuptools<81"]));
                run(&mut pip(&["--no-deps", &release]));
            }
            File::create(ready).expect("mark");
        }
        folder
    }
}

/// A Python of version 3.10 to 3.12.
pub fn python() -> &'static str {
    const NAMES: [&str; 4] = ["python3.11", "python3.12", "python3.10", "python3"];
    let fits = "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))";
    NAMES.into_iter().find(|name| succeeds(Command::new(name).args(["-c", fits]))).expect("a Python of 3.10 to 3.12")
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs a command to its end; it must succeed.
pub fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", text(&output));
}

/// What a command printed.
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A command of a client's environment that talks to an API, with a home of its own and no other setting.
pub fn client(line: Line, program: &str, api: &str, home: &Path) -> Command {
    let environment = line.environment();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let mut command = Command::new(environment.join("bin").join(program));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PREFECT_")) {
        command.env_remove(name);
    }
    command
        .current_dir(scripts)
        .env("PATH", format!("{}:{}", environment.join("bin").display(), std::env::var("PATH").unwrap_or_default()))
        .env("PREFECT_API_URL", api)
        .env("PREFECT_HOME", home.join(format!("client-{}", line.release())))
        .env("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        .env("DO_NOT_TRACK", "1")
        .env("PREFECT_CLI_PROMPT", "false")
        .env("PREFECT_CLI_COLORS", "false")
        .env("PREFECT_AGENT_QUERY_INTERVAL", "1")
        .env("PREFECT_WORKER_QUERY_SECONDS", "1")
        .env("PREFECT_RUNNER_POLL_FREQUENCY", "1")
        .env("PYTHONWARNINGS", "ignore");
    command
}

/// Runs a script of `tests/clients` to its end; it must exit with 0.
pub fn script(line: Line, server: &Server, name: &str, arguments: &[&str]) -> String {
    let output = client(line, "python", &server.api(), &server.home)
        .arg(name)
        .args(arguments)
        .output()
        .expect("the client starts");
    let text = text(&output);
    assert!(output.status.success(), "{line:?} {name}: {text}\n--- server\n{}", server.log());
    text
}

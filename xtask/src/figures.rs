//! Figures: start, memory, and the comparison with the stock server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;

use crate::tools::{self, Done, cargo, run};

/// What to compare with.
#[derive(Args)]
pub struct Options {
    /// Folder of the comparison tool (with `compare` and the load tool's crate).
    #[arg(long)]
    tool: PathBuf,
    /// Python of a virtual environment with the stock server.
    #[arg(long)]
    python: PathBuf,
    /// Settings of the tool, as NAME=VALUE.
    settings: Vec<String>,
}

/// Builds the load tool and a release, and compares.
pub fn compare(options: &Options) -> Done {
    let target = tools::root().join("target/load");
    let manifest = options.tool.join("load/Cargo.toml");
    run(cargo(&["build", "--release", "--locked"])
        .arg("--manifest-path")
        .arg(&manifest)
        .arg("--target-dir")
        .arg(&target))?;
    let mut command = Command::new(options.tool.join("compare"));
    command.env("LOAD", target.join("release/load")).env("MINTAKA_BIN", release()?).env("REF_PY", &options.python);
    for setting in &options.settings {
        let (name, value) = setting.split_once('=').ok_or_else(|| format!("`{setting}` is not NAME=VALUE"))?;
        command.env(name, value);
    }
    run(&mut command)
}

/// Builds the release binary and answers its path.
fn release() -> Result<PathBuf, String> {
    run(&mut cargo(&["build", "--release", "--locked", "--bin", "mintaka"]))?;
    Ok(tools::root().join("target/release/mintaka"))
}

/// Time from start to the first answer, five times; memory when idle.
pub fn start() -> Done {
    release()?;
    for _ in 0..5 {
        let server = Running::start(&[], &[])?;
        let first = server.first_answer;
        std::thread::sleep(Duration::from_secs(3)); // memory when idle, not while starting
        println!("first answer after {:.3} s, idle memory {:.1} MB", first.as_secs_f64(), server.memory_mb());
    }
    Ok(())
}

/// A server from the release build on a fresh store; ended when dropped.
pub struct Running {
    child: Child,
    port: u16,
    home: PathBuf,
    /// Time from the start of the process to its first answer.
    first_answer: Duration,
}

impl Running {
    /// Starts it and waits until it answers.
    pub fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Running, String> {
        let binary = release()?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(|e| e.to_string())?.port();
        let home = std::env::temp_dir().join(format!("mintaka-{}-{port}", std::process::id()));
        let begun = Instant::now();
        let child = Command::new(binary)
            .args(["server", "start", "--port", &port.to_string()])
            .args(arguments)
            .env("MINTAKA_HOME", &home)
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|e| e.to_string())?;
        let mut server = Running { child, port, home, first_answer: Duration::ZERO };
        let until = Instant::now() + Duration::from_secs(30);
        while !server.answers() {
            if let Ok(Some(status)) = server.child.try_wait() {
                return Err(format!("the server ended: {status}"));
            }
            if Instant::now() > until {
                return Err("the server does not answer".into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        server.first_answer = begun.elapsed();
        Ok(server)
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn answers(&self) -> bool {
        let ask = || -> std::io::Result<bool> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.write_all(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer.starts_with("HTTP/1.1 200"))
        };
        ask().unwrap_or(false)
    }

    fn memory_mb(&self) -> f64 {
        let status = std::fs::read_to_string(Path::new("/proc").join(self.child.id().to_string()).join("status"));
        let kib = status.ok().and_then(|s| {
            s.lines().find(|l| l.starts_with("VmRSS:")).and_then(|l| l.split_whitespace().nth(1)?.parse::<f64>().ok())
        });
        kib.unwrap_or(0.0) / 1024.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

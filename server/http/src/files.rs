//! How many files the process may open: a connection is one, and the store needs some.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Limits;

/// Files that are not connections: of the store, the log, the runtime.
const OTHERS: u64 = 32;
/// Connections that there is always a try at.
const LEAST: usize = 8;

impl Limits {
    /// Lets the process open as many files as the system allows it, and takes no more connections than that leaves room for.
    #[must_use]
    pub fn fitted(self) -> Limits {
        let Some(files) = raise() else { return self };
        let fitted = self.within(files);
        if fitted.connections < self.connections {
            tracing::warn!(
                files,
                "the system lets this process open {files} files, which is room for {} connections at a time instead of \
                 {}: raise it with `ulimit -n`, or LimitNOFILE= of the service",
                fitted.connections,
                self.connections
            );
        }
        fitted
    }

    fn within(self, files: u64) -> Limits {
        let room = usize::try_from(files.saturating_sub(OTHERS)).unwrap_or(usize::MAX).max(LEAST);
        let reserve = self.reserve.min(room / 4);
        Limits { connections: self.connections.min(room - reserve), reserve, ..self }
    }
}

/// Raises the limit; what it is then, if there is one.
fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
    {
        tracing::debug!(%error, "the limit of open files could not be raised");
    }
    getrlimit(Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_the_files_of_the_store() {
        let limits = Limits { connections: 1000, reserve: 16, ..Limits::default() };
        for (files, connections, reserve) in
            [(1 << 20, 1000, 16), (1048, 1000, 16), (548, 500, 16), (64, 24, 8), (0, 6, 2)]
        {
            let fitted = limits.within(files);
            assert_eq!((fitted.connections, fitted.reserve), (connections, reserve), "{files}");
        }
    }

    #[test]
    fn the_process_may_open_as_many_files_as_the_system_allows() {
        raise();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}

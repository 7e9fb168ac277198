//! Operations of the domain, one a file.

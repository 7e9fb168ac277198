//! mintaka-sqlkit

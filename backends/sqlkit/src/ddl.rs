//! Tables and indexes from declarations.

use mintaka_core::{Kind, Table};

use crate::text::{list, quoted};
use crate::{Dialect, ROW_VERSION, TagTable};

/// The statements that create a table, its unique index, its secondary indexes and the side tables of its tag indexes.
pub fn create(dialect: &dyn Dialect, table: &'static Table) -> Vec<String> {
    let mut statements = vec![create_table(dialect, table)];
    if let Some(unique) = table.unique {
        let name = format!("uq_{}__{}", table.name, names(table, unique).join("_"));
        statements.push(create_index("UNIQUE INDEX", &name, table, unique));
    }
    let order = row_order(dialect, table);
    for index in table.indexes.iter().filter(|index| order.is_none_or(|(writer, seq)| index.columns != [writer, seq])) {
        match TagTable::of(dialect, table, index) {
            Some(side) => statements.push(create_side_table(dialect, table, &side)),
            None => statements.push(create_index("INDEX", index.name, table, &with_key(table, index.columns))),
        }
    }
    statements
}

/// All statements for several tables as one script, a statement a paragraph.
pub fn script(dialect: &dyn Dialect, tables: &[&'static Table]) -> String {
    let mut out = String::new();
    for table in tables {
        for statement in create(dialect, table) {
            out.push_str(&statement);
            out.push_str(";\n");
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn create_table(dialect: &dyn Dialect, table: &Table) -> String {
    let mut lines: Vec<String> = table
        .columns
        .iter()
        .map(|c| {
            let null = if c.nullable { "" } else { " NOT NULL" };
            format!("  {} {}{null}", quoted(c.name), dialect.column_type(c.kind))
        })
        .collect();
    lines.push(format!("  {} {} NOT NULL", quoted(ROW_VERSION), dialect.column_type(Kind::Int)));
    match row_order(dialect, table) {
        Some((_, seq)) => {
            lines.push(format!("  PRIMARY KEY ({})", columns(table, &[seq])));
            lines.push(format!("  UNIQUE ({})", columns(table, table.key)));
        }
        None => lines.push(format!("  PRIMARY KEY ({})", columns(table, table.key))),
    }
    // Rows of a composite key lie in the order of the key, without a tree beside it; those of streams are too wide for that.
    let in_key_order = table.key.len() > 1 && table.stream.is_none();
    let options = if in_key_order { dialect.key_table_options() } else { dialect.table_options() };
    format!("CREATE TABLE {} (\n{}\n){options}", quoted(table.name), lines.join(",\n"))
}

/// The columns `writer` and `seq` of a stream whose rows lie in the order of `seq`: no tree beside the table is needed to
/// read what is new.
fn row_order(dialect: &dyn Dialect, table: &Table) -> Option<(usize, usize)> {
    table.stream.filter(|_| dialect.has_one_writer())
}

fn create_index(what: &str, name: &str, table: &Table, ordinals: &[usize]) -> String {
    let condition = match ordinals.first() {
        Some(&first) if !holds_every_row(table, ordinals) => {
            format!(" WHERE {} IS NOT NULL", quoted(table.columns[first].name))
        }
        _ => String::new(),
    };
    format!("CREATE {what} {} ON {} ({}){condition}", quoted(name), quoted(table.name), columns(table, ordinals))
}

/// Whether an index on these columns has an entry for every row. A reference that is null is looked up by nobody: it has
/// none, so a row that refers to nothing costs nothing.
pub fn holds_every_row(table: &Table, ordinals: &[usize]) -> bool {
    let first = ordinals.first().map(|&i| &table.columns[i]);
    !first.is_some_and(|column| column.kind == Kind::Uuid && column.nullable)
}

fn create_side_table(dialect: &dyn Dialect, table: &Table, side: &TagTable) -> String {
    let mut names = vec![quoted("tag")];
    let mut lines = vec![format!("  {} {} NOT NULL", quoted("tag"), dialect.column_type(Kind::Text))];
    for &ordinal in side.sort.iter().chain(table.key) {
        let column = &table.columns[ordinal];
        lines.push(format!("  {} {} NOT NULL", quoted(column.name), dialect.column_type(column.kind)));
        names.push(quoted(column.name));
    }
    lines.push(format!("  PRIMARY KEY ({})", names.join(", ")));
    format!("CREATE TABLE {} (\n{}\n){}", quoted(&side.name), lines.join(",\n"), dialect.key_table_options())
}

/// The columns of an index, and those of the primary key that are not among them: the tie-break of every order.
pub fn with_key(table: &Table, index: &[usize]) -> Vec<usize> {
    let mut ordinals = index.to_vec();
    ordinals.extend(table.key.iter().filter(|k| !index.contains(k)));
    ordinals
}

fn names<'t>(table: &'t Table, ordinals: &[usize]) -> Vec<&'t str> {
    ordinals.iter().map(|&i| table.columns[i].name).collect()
}

fn columns(table: &Table, ordinals: &[usize]) -> String {
    list(names(table, ordinals).into_iter().map(quoted))
}

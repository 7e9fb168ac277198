//! The storage contract, clause by clause. Every case names the clauses that it covers.

/// One promise of the contract.
#[derive(Clone, Copy, Debug)]
pub struct Clause {
    /// Its number: a letter for the chapter, and a number in it.
    pub id: &'static str,
    /// What is promised.
    pub promise: &'static str,
}

macro_rules! clauses {
    ($($id:literal $promise:literal)+) => {
        /// All clauses, by chapter.
        pub static CLAUSES: &[Clause] = &[$(Clause { id: $id, promise: $promise }),+];
    };
}

clauses! {
    "K1" "What a backend says of itself does not change while it is open."
    "K2" "A row larger than `MAX_ROW_BYTES` fails its batch alone, as `TooLarge`; one below it is taken."
    "K3" "After it was closed, a store answers every call with `Closed`."
    "K4" "A backend that promises durability can be closed and opened again."
    "K5" "A backend that many processes may use can be opened while it is open."
    "K6" "A commit that is under way when its store is closed is answered: what is said to be done is there, what is not is not."

    "H1" "Heads show the store's clock, which does not go back."
    "H2" "Stream rows get the writer of their commit and growing positions of it, in order of batches and ops, whatever the caller put there."
    "H3" "Heads show, for each writer, the position of its last committed stream row."
    "H4" "An outcome names the writer and the last position of the stream rows it inserted, or none if there are none."
    "H5" "What is visible of a writer is always a prefix of what it writes."
    "H6" "All streams of a store share a writer's positions; no position is given twice, whichever handle asks for it."
    "H7" "A writer that was retired stays in the heads, closed and with its position; what its handle still commits is `Closed`."
    "H8" "A cursor of one position per writer, from which closed writers go once they are read to their end, misses no row of any handle."

    "G1" "`get` answers one entry per key, in the order of the keys, and none where there is no row."
    "G2" "A row is found by its unique key as by its primary key, composite ones too."
    "G3" "A malformed key is `Invalid`."
    "G4" "A call may name many keys."
    "G5" "Keys are compared value by value: two that only look the same when their texts are joined are two."
    "G6" "A key longer than any that is stored is found nowhere, and that is no error."

    "S1" "`And` is true when empty, `Or` is false when empty."
    "S2" "`Not` is the boolean complement, whatever is null."
    "S3" "A comparison is by number, byte or instant; with null it is false."
    "S4" "Two columns of a row compare as a column and a value do."
    "S5" "`In` is equality with one of the values; it is false when empty, null is never one of them, and they may be many."
    "S6" "`IsNull` is true of null alone."
    "S7" "`Like` matches the whole text: `%` is any text, `_` is any character, nothing is escaped, ASCII letters are folded."
    "S8" "`Contains` folds ASCII letters alone, and nothing in it is special."
    "S9" "Texts of several columns are matched joined by a space; null counts as empty text."
    "S10" "`StartsWith` compares bytes, and null starts with nothing."
    "S11" "Tags are asked for any (false when empty), for all (true when empty), and for none."
    "S12" "`Has` finds parents and children, up to three deep, also under `Not`; null is related to nothing."
    "S13" "Null is the least value of an order, text is ordered by bytes."
    "S14" "The primary key is the tie-break of every order, in the direction of its last entry."
    "S15" "Limit and offset count rows of the order, up to the greatest number."
    "S16" "A position selects just the rows after it, nulls included: pages show each row once."
    "S17" "Named columns come in the order in which they are named, with the row's version."
    "S18" "`each` gives the first rows of each group, in the order of the groups named."
    "S19" "A malformed query is `Invalid`."
    "S20" "A text is only ever a text: no spelling of it changes what a query means."
    "S21" "A result may have thousands of rows, lines or groups, each once and in order."

    "A1" "An aggregate without groups has one line, also of no rows; a count is of the rows that meet the filter."
    "A2" "Rows are grouped by value; null is a value of its own there."
    "A3" "Time buckets are numbered by floor division from their origin; a null time has the null bucket."
    "A4" "Sums leave out null, are null of no value, and have their column's kind."
    "A5" "A sum of times is a float, counted from an origin."
    "A6" "Least, greatest and distinct values leave out null."
    "A7" "Lines are ordered as asked, then by all groups ascending, null first; the limit counts lines."
    "A8" "A malformed aggregate is `Invalid`."
    "A9" "A sum of more than 64 bits is `Invalid`."

    "C1" "A batch is applied as a whole or not at all."
    "C2" "Batches of a commit are judged in order, each against the store with the ones before it applied."
    "C3" "A batch that fails does not disturb the others of its commit."
    "C4" "Ops are applied in order, each sees the ones before it."
    "C5" "A version guard holds if the row exists and has that version."
    "C6" "A presence guard holds if the row exists, and leaves its version alone."
    "C7" "A value that is searched by and longer than `MAX_KEY_BYTES` fails its batch alone, as `TooLarge`."
    "C8" "A conflict names the part that failed, and carries the row in the way as it is then."
    "C9" "An insert makes a row of version 1; a row with its primary or unique key is in its way."
    "C10" "An insert that skips names the row it found."
    "C11" "An upsert inserts, or changes the row that has its unique or primary key."
    "C12" "An upsert is skipped if its condition fails, and is a conflict if another row has its other key."
    "C13" "An update changes the columns it names alone; it is skipped if the row is missing."
    "C14" "`add` adds to what is there, and null counts as 0."
    "C15" "`max` raises a value, null is the least, and never lowers one."
    "C16" "A required condition that fails is a conflict, one of `when` is a skip; sums compare columns and constants."
    "C17" "A delete takes the row and frees its keys; it is skipped if there is none."
    "C18" "A batch that begins with `once` is done once; later it is a no-op that answers the row."
    "C19" "A value may be the id of the row that an earlier op made or found."
    "C20" "A null in a unique key collides with nothing."
    "C21" "A unique key that a row gives up can be taken by another in the same batch and in the same commit."
    "C22" "Each change of a row adds 1 to its version, unless it is of soft columns alone."
    "C23" "A malformed batch is `Invalid`, and fails alone."
    "C24" "The outcome says of each op whether it was applied, whether it inserted, and the row's primary key."
    "C25" "Guards are judged before any op, and `once` before them."
    "C26" "A sum of a condition stays at the ends of 64 bits, and so does `max`."

    "V1" "Every kind keeps its extremes."
    "V2" "Text comes back byte for byte."
    "V3" "JSON comes back byte for byte."
    "V4" "Tags keep order and duplicates, and may be none."
    "V5" "Null comes back as null, in every column that may be null."

    "N1" "Conditional changes by many callers never exceed what the condition allows."
    "N2" "Of many callers who insert the same unique key one wins, and the others see the row."
    "N3" "No reader sees a part of a batch."
    "N4" "A read that begins after a commit was answered sees it."
    "N5" "It sees it whichever handle the commit went through."
    "N6" "Guards, conditions and additions of one handle are judged on what the others have committed."
    "N7" "Batches that name the same rows in opposite orders all end, and none is lost."
    "N8" "A commit whose caller or whose handle goes away is done as a whole or not at all, and the others go on."
    "N9" "A read is of one state of the store, however many keys or groups it names."
    "N10" "Of what many handles raise by `max` the greatest stays, and no version grows by it where the column is soft."
    "N11" "Of many handles that do a batch `once`, one does it, and the others are told the row."

    "D1" "What was committed is there after the store is opened again, with its versions; what failed is not."
    "D2" "Keys and `once` hold against rows from before."
    "D3" "A position in a stream is never given again, and the heads keep the earlier ones."
}

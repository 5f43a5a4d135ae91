//! Every form that the file has had, as small texts of the same structure.

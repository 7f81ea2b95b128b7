//! Tests of the double: it must refuse the same requests as Harbor, with the same messages.

mod asking;
mod beside;
mod projects;
mod pushing;
mod refusing;

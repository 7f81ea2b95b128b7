//! The names that platforms go by: those of Go, which image configs use (image-spec, "Image Configuration").

use sealift_core::diagnostic::did_you_mean;

/// Values of `GOOS`, from `go tool dist list` and what older images have.
const SYSTEMS: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "none",
    "openbsd",
    "plan9",
    "solaris",
    "unknown",
    "wasip1",
    "windows",
    "zos",
];

/// Values of `GOARCH`.
const ARCHITECTURES: &[&str] = &[
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "arm64",
    "arm64be",
    "armbe",
    "loong64",
    "mips",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "mipsle",
    "ppc",
    "ppc64",
    "ppc64le",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "unknown",
    "wasm",
    "wasm32",
];

/// Returns what is odd about the name of an operating system that no Go port has.
pub(crate) fn odd_system(name: &str) -> Option<Odd> {
    odd("operating system", name, SYSTEMS)
}

/// Returns what is odd about the name of an architecture that no Go port has.
pub(crate) fn odd_architecture(name: &str) -> Option<Odd> {
    odd("architecture", name, ARCHITECTURES)
}

/// A name that images do not have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Odd {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

fn odd(what: &str, name: &str, known: &[&'static str]) -> Option<Odd> {
    if known.contains(&name) {
        return None;
    }
    let message = format!("no {what} is known as `{name}`, so that images for it are unlikely");
    let hint = did_you_mean(name, known.iter().copied()).map(|close| format!("did you mean `{close}`?"));
    Some(Odd { message, hint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_port_is_called_is_told_with_what_may_be_meant() {
        assert_eq!((odd_system("linux"), odd_architecture("s390x")), (None, None));
        let hint = |odd: Option<Odd>| odd.unwrap().hint.unwrap_or_default();
        assert_eq!(hint(odd_system("linx")), "did you mean `linux`?");
        assert_eq!(hint(odd_architecture("amd46")), "did you mean `amd64`?");
        assert_eq!(hint(odd_architecture("toaster")), "");
    }
}

//! The options of every verb that talks to registries: logins, certificates, plain http.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Read},
    path::PathBuf,
};

use sealift_core::{content::Repository, diagnostic::Diagnostic};
use toml::Value;

use crate::{
    display::io_message,
    options::{maybe_file, not_empty},
    translation::{Translation, path},
    usage_error::UsageError,
};

/// The variable that the password of `--user` is taken from.
pub(crate) const PASSWORD: &str = "SEALIFT_PASSWORD";

/// The longest password that is read from stdin.
const MAX_PASSWORD: u64 = 64 << 10;

/// Logins and connections.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct RegistryOptions {
    /// Credentials in image-syncer's format; without it Docker's and Podman's, then anonymous
    #[arg(long = "auth", value_name = "FILE", value_parser = maybe_file(), help_heading = "Registries")]
    auth: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) connection: ConnectionOptions,
}

impl RegistryOptions {
    /// Writes `[credentials]` and `[registries]`. `images` are the names on the command line.
    ///
    /// # Errors
    /// If a value cannot be used.
    pub(crate) fn write<'a>(
        &self,
        pipeline: &mut Translation,
        images: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), UsageError> {
        pipeline.credentials(not_empty(self.auth.as_deref()))?;
        self.connection.write(pipeline, images)
    }
}

/// Connections, and a login for one registry.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ConnectionOptions {
    /// A TOML file of tables `[registries."HOST"]`, as pipelines have them
    #[arg(long, value_name = "FILE", value_parser = maybe_file(), help_heading = "Registries")]
    registries: Option<PathBuf>,

    /// Do not verify certificates, and allow plain http: at this registry, or at all of them
    #[arg(long, value_name = "HOST", num_args = 0..=1, require_equals = true, default_missing_value = "*",
        help_heading = "Registries")]
    insecure: Vec<String>,

    /// Trust the CAs in this PEM file as well
    #[arg(long, value_name = "FILE", value_parser = maybe_file(), help_heading = "Registries")]
    ca_file: Option<PathBuf>,

    /// The certificate to show to registries that ask for one, a PEM file
    #[arg(long, value_name = "FILE", requires = "client_key", help_heading = "Registries")]
    client_cert: Option<PathBuf>,

    /// The key of the certificate, a PEM file
    #[arg(long, value_name = "FILE", requires = "client_cert", help_heading = "Registries")]
    client_key: Option<PathBuf>,

    /// Log in with this name; the password is in SEALIFT_PASSWORD, or on stdin with --password-stdin
    #[arg(long, value_name = "[HOST=]NAME", help_heading = "Registries")]
    user: Option<String>,

    /// Read the password of --user from stdin
    #[arg(long, requires = "user", help_heading = "Registries")]
    password_stdin: bool,
}

/// The keys of the tables of `[registries]`, each with the flag that it comes from.
type Tables = BTreeMap<String, Vec<(&'static str, Value, String)>>;

impl ConnectionOptions {
    /// Returns true if stdin has the password.
    pub(crate) fn reads_stdin(&self) -> bool {
        self.password_stdin
    }

    /// Writes `[registries]`, if one of the flags was given.
    ///
    /// # Errors
    /// If a value cannot be used.
    pub(crate) fn write<'a>(
        &self,
        pipeline: &mut Translation,
        images: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), UsageError> {
        if let Some(file) = not_empty(self.registries.as_deref()) {
            pipeline.table("[registries]");
            pipeline.key("file", path(file, "--registries")?, &format!("--registries {}", file.display()));
        }
        let mut tables = Tables::new();
        for host in &self.insecure {
            let typed = if host == "*" { "--insecure".to_owned() } else { format!("--insecure={host}") };
            tables.entry(host.clone()).or_default().push(("insecure", true.into(), typed));
        }
        for (key, flag, file) in [
            ("ca_file", "--ca-file", not_empty(self.ca_file.as_deref())),
            ("client_cert", "--client-cert", self.client_cert.as_deref()),
            ("client_key", "--client-key", self.client_key.as_deref()),
        ] {
            if let Some(file) = file {
                let typed = format!("{flag} {}", file.display());
                tables.entry("*".to_owned()).or_default().push((key, path(file, flag)?, typed));
            }
        }
        if let Some(user) = &self.user {
            let (host, name) = login(user, images)?;
            let table = tables.entry(host).or_default();
            table.push(("username", name.into(), format!("--user {user}")));
            let password = toml::Table::from_iter([("env".to_owned(), PASSWORD.into())]);
            table.push(("password", password.into(), format!("--user {user}")));
            pipeline.password_stdin = self.password_stdin;
        }
        for (host, keys) in tables {
            let flag = keys.first().map(|(.., flag)| flag.as_str()).unwrap_or_default();
            pipeline.table_of(&format!("[registries.{}]", Value::from(host)), flag);
            keys.into_iter().for_each(|(key, value, flag)| pipeline.key(key, value, &flag));
        }
        Ok(())
    }
}

/// Returns the host and the name of `--user`. Without a host it is for the only registry on the command line.
fn login<'a>(user: &str, images: impl IntoIterator<Item = &'a str>) -> Result<(String, String), UsageError> {
    let is_host = |host: &str| host.eq_ignore_ascii_case("localhost") || host.contains(['.', ':']);
    let named = match user.split_once('=') {
        Some((host, name)) => match Repository::new(host, "x").ok().filter(|_| is_host(host)) {
            Some(at) => Some((at.registry().to_owned(), name)),
            None if host.starts_with("http://") || host.starts_with("https://") => {
                return Err(Diagnostic::error("what stands in front of the `=` of `--user` is a URL, and no registry")
                    .hint("write its host alone: `--user registry.example.com=NAME`")
                    .into());
            }
            // It may be a part of a password, which is not repeated.
            None if host.contains([':', '@']) => None,
            None => {
                return Err(Diagnostic::error(format!("`{host}` in front of the `=` of `--user` is no registry"))
                    .hint("write its host alone, with its dot or port: `--user registry.example.com=NAME`")
                    .into());
            }
        },
        None => None,
    };
    let name = named.as_ref().map_or(user, |(_, name)| *name);
    if name.contains(':') {
        // Neither the name nor the password is repeated.
        return Err(Diagnostic::error(
            "`--user` takes a name alone, because a password on the command line is seen by other users",
        )
        .hint(format!("put the password into the variable {PASSWORD}, or pipe it into `--password-stdin`"))
        .into());
    }
    if name.is_empty() {
        return Err(Diagnostic::error("the name of `--user` is empty").hint("write `--user NAME`").into());
    }
    if let Some((host, name)) = named {
        return Ok((host, name.to_owned()));
    }
    let mut hosts: Vec<_> = images.into_iter().filter_map(host_of).collect();
    hosts.sort();
    hosts.dedup();
    match <[String; 1]>::try_from(hosts) {
        Ok([host]) => Ok((host, name.to_owned())),
        Err(hosts) => {
            let each = hosts.iter().map(|host| format!("`--user {host}={name}`")).collect::<Vec<_>>().join(" or ");
            let hint = match hosts.is_empty() {
                true => format!("name the one that the password is for: `--user registry.example.com={name}`"),
                false => format!("name the one that the password is for: {each}"),
            };
            let message = format!("`--user {name}` needs a registry in front of the name");
            Err(Diagnostic::error(message).hint(hint).into())
        }
    }
}

/// Returns the registry of an image, as a table of `[registries]` is called.
fn host_of(image: &str) -> Option<String> {
    Repository::parse_prefix(image).ok().map(|(repository, _)| repository.registry().to_owned())
}

/// Reads a password from stdin, without the end of its line.
///
/// # Errors
/// If there is none.
pub(crate) fn password_from_stdin() -> Result<String, UsageError> {
    let fail = |why: &str| {
        let diagnostic = Diagnostic::error(format!("cannot read the password: {why}"));
        diagnostic.hint(format!("pipe it into the command, or put it into the variable {PASSWORD}"))
    };
    if io::stdin().is_terminal() {
        return Err(fail("stdin is a terminal").into());
    }
    let mut text = String::new();
    io::stdin().take(MAX_PASSWORD).read_to_string(&mut text).map_err(|error| fail(&io_message(&error)))?;
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(password) => Ok(password.to_owned()),
        None => Err(fail("stdin is empty").into()),
    }
}

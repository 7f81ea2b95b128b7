//! The configuration of the push `harbor`.

use std::num::NonZero;

use schemars::JsonSchema;
use sealift_core::{
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    stage::Push,
};
use sealift_registry_client::{Registries, RegistryPush, TargetNaming};
use serde::Deserialize;

use crate::{
    api::NewProject,
    members::{MemberKind, NewMember, RoleMembers},
    projects::ProjectOptions,
    push::HarborPush,
};

/// Pushes images to Harbor.
///
/// Like the push to any registry, and besides it looks first whether the project is there and takes the image, can
/// create projects, stops at a project that refuses, and reads what stands there in pages of a hundred tags.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Host, and project with further path, below which images are placed by their path at the source, such as
    /// `harbor.corp/mirror`. With a host alone the first element of the source's path is the project. Default: none;
    /// images go where the rules say. Only one push can follow the rules, every further one needs a prefix.
    #[schemars(example = &"harbor.example.com/mirror")]
    pub prefix: Option<String>,

    /// The number of leading elements of the source's path that are left out below `prefix`; the last one always stays.
    /// With 1 `library/nginx` becomes `nginx`, as Harbor's own replication does it; with 99 only names are left. Images of
    /// different sources may then want one name, which is an error. Needs `prefix`. Default: 0, none.
    pub flatten: u32,

    /// Create projects that do not exist. The login must be allowed to: robots of a project never are; robots of the
    /// system need the right to only where administrators alone may create projects, and get no rights in what they
    /// create, so they must cover all projects. Default: false; a missing project is an error.
    pub create_projects: bool,

    /// Allow pulls from created projects without a login. Projects that exist stay as they are. Needs
    /// `create_projects`. Default: false, they are private.
    pub public: bool,

    /// The quota of created projects, in MiB. Counts only if an administrator is logged in, or a robot of the system
    /// with the right to create projects; for others Harbor's own default holds. Needs `create_projects`. Default:
    /// none, Harbor's own default.
    pub quota_mib: Option<NonZero<u32>>,

    /// Further settings of created projects. Projects that exist stay as they are. Needs `create_projects`. Default:
    /// Harbor's own.
    pub project: ProjectSettings,

    /// A label of the project for each image that is written, such as `came-with-2026-11`. It is made where it is missing.
    /// Images that are there already get none. Costs one small request for each image. Default: none.
    #[schemars(example = &"came-with-2026-11")]
    pub label: Option<String>,

    /// Start a scan for vulnerabilities of each image that is written, as "Scan" on Harbor's pages does. Images that are
    /// there already get none. What cannot be scanned is a warning. Costs one small request for each image; a project with
    /// `auto_scan` needs none of them. Default: false.
    pub scan: bool,
}

/// Settings of a created project. All but the members are called as in Harbor's API.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProjectSettings {
    /// Scan each image for vulnerabilities when it is pushed.
    pub auto_scan: Option<bool>,
    /// Make an SBOM of each image when it is pushed (Harbor 2.11 and later).
    pub auto_sbom_generation: Option<bool>,
    /// Refuse pulls of images with vulnerabilities of `severity` and above.
    pub prevent_vul: Option<bool>,
    /// The severity from which `prevent_vul` refuses pulls.
    pub severity: Option<VulnerabilitySeverity>,
    /// Refuse pulls of images without a signature of cosign.
    pub enable_content_trust_cosign: Option<bool>,
    /// Refuse pulls of images without a signature of notation.
    pub enable_content_trust: Option<bool>,
    /// Allow the vulnerabilities that the whole Harbor allows.
    pub reuse_sys_cve_allowlist: Option<bool>,
    /// Users that become members, by their roles. The login needs the right to add some; one who cannot be added is a
    /// warning.
    pub members: RoleMembers,
    /// Groups that become members, by the names that Harbor or its provider of logins has for them.
    pub groups: RoleMembers,
    /// Groups of LDAP that become members, by their distinguished names.
    pub ldap_groups: RoleMembers,
}

/// A severity of vulnerabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VulnerabilitySeverity {
    /// Any vulnerability.
    None,
    /// Low and above.
    Low,
    /// Medium and above.
    Medium,
    /// High and above.
    High,
    /// Critical ones only.
    Critical,
}

impl ProjectSettings {
    fn metadata(&self) -> impl Iterator<Item = (&'static str, String)> {
        let severity = self.severity.map(|severity| match severity {
            VulnerabilitySeverity::None => "none",
            VulnerabilitySeverity::Low => "low",
            VulnerabilitySeverity::Medium => "medium",
            VulnerabilitySeverity::High => "high",
            VulnerabilitySeverity::Critical => "critical",
        });
        let switches = [
            ("auto_scan", self.auto_scan),
            ("auto_sbom_generation", self.auto_sbom_generation),
            ("prevent_vul", self.prevent_vul),
            ("enable_content_trust_cosign", self.enable_content_trust_cosign),
            ("enable_content_trust", self.enable_content_trust),
            ("reuse_sys_cve_allowlist", self.reuse_sys_cve_allowlist),
        ];
        let switches = switches.into_iter().filter_map(|(key, on)| Some((key, on?.to_string())));
        switches.chain(severity.map(|severity| ("severity", severity.to_owned())))
    }

    fn all_members(&self) -> Vec<NewMember> {
        let users = self.members.members(MemberKind::User);
        let groups = self.groups.members(MemberKind::Group);
        users.chain(groups).chain(self.ldap_groups.members(MemberKind::LdapGroup)).collect()
    }
}

/// `label.name` in Harbor's schema.
const LONGEST_LABEL: usize = 128;

sealift_core::inventory::submit! { Plugin::push::<Config>("harbor") }

impl StageConfig<dyn Push> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn Push>, ConfigError> {
        let mut problems = self.check();
        let mut note = |problem: ConfigError| problems = std::mem::take(&mut problems).and(problem);
        let naming = self.naming(cx).map_err(&mut note).ok();
        let registries = cx.section::<Registries>().map_err(&mut note).ok();
        let (Some(naming), Some(registries)) = (naming, registries) else { return Err(problems) };
        let client = registries.client();
        let push = RegistryPush::new(client.clone(), naming).at_harbor();
        problems.or_ok(Box::new(HarborPush::new(push, client, self.options())))
    }
}

impl Config {
    fn naming(&self, cx: &BuildContext<'_>) -> Result<TargetNaming, ConfigError> {
        match &self.prefix {
            Some(prefix) => {
                let naming = TargetNaming::below(prefix).map_err(|error| {
                    ConfigError::new(error.to_string())
                        .at("prefix")
                        .hint("write a host and a project, such as `harbor.corp/mirror`")
                })?;
                Ok(naming.flattened(usize::try_from(self.flatten).unwrap_or(usize::MAX)))
            }
            None if cx.claim_targets() => Ok(TargetNaming::Targets),
            None => Err(ConfigError::new("an earlier [[push]] takes the destinations of the rules already")
                .hint("give this one a `prefix`, such as `prefix = \"harbor.corp/mirror\"`")),
        }
    }

    /// Keys that say nothing without another one.
    fn check(&self) -> ConfigError {
        let idle = [
            ("flatten", self.flatten > 0 && self.prefix.is_none(), "prefix"),
            ("public", self.public && !self.create_projects, "create_projects"),
            ("quota_mib", self.quota_mib.is_some() && !self.create_projects, "create_projects"),
            ("project", self.project != ProjectSettings::default() && !self.create_projects, "create_projects"),
            (
                "project.severity",
                self.project.severity.is_some() && self.project.prevent_vul != Some(true),
                "project.prevent_vul",
            ),
        ];
        let mut problems = ConfigError::default();
        if self.label.as_ref().is_some_and(|label| label.is_empty() || label.chars().count() > LONGEST_LABEL) {
            let what = format!("a label has 1 to {LONGEST_LABEL} characters");
            problems = problems.and(ConfigError::new(what).at("label"));
        }
        idle.into_iter().filter(|(_, idle, _)| *idle).fold(problems, |all, (key, _, needs)| {
            all.and(ConfigError::new(format!("`{key}` has no effect without `{needs}`")).at(key))
        })
    }

    fn options(self) -> ProjectOptions {
        let (create, members) = (self.new_project(), self.project.all_members());
        ProjectOptions { create, members, label: self.label, scan: self.scan }
    }

    fn new_project(&self) -> Option<NewProject> {
        self.create_projects.then(|| NewProject {
            metadata: std::iter::once(("public", self.public.to_string())).chain(self.project.metadata()).collect(),
            storage_limit: self.quota_mib.map(|mib| u64::from(mib.get()) << 20),
        })
    }
}

#[cfg(test)]
mod tests;

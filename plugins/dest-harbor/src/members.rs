//! Members of created projects (`POST projects/NAME/members`).

use http::Method;
use schemars::JsonSchema;
use sealift_core::error::Result;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{Api, project_of};

/// Names by the role that they get in a project.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoleMembers {
    /// Project Admin: all rights in the project.
    pub admin: Vec<String>,
    /// Maintainer: all rights but those over members and settings.
    pub maintainer: Vec<String>,
    /// Developer: push and pull.
    pub developer: Vec<String>,
    /// Guest: pull.
    pub guest: Vec<String>,
    /// Limited Guest: pull, without a look at members and logs.
    pub limited_guest: Vec<String>,
}

/// The kind of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberKind {
    User,
    /// A group, by the name that Harbor or its provider of logins has for it.
    Group,
    /// A group of LDAP, by its distinguished name.
    LdapGroup,
}

/// A member that a created project gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewMember {
    kind: MemberKind,
    pub(crate) name: String,
    /// The number of the role (`RoleProjectAdmin` and so on in `common/const.go`).
    role: u8,
}

impl RoleMembers {
    /// Returns the members, those with most rights first.
    pub(crate) fn members(&self, kind: MemberKind) -> impl Iterator<Item = NewMember> {
        let roles =
            [(&self.admin, 1), (&self.maintainer, 4), (&self.developer, 2), (&self.guest, 3), (&self.limited_guest, 5)];
        let of_role = move |(names, role): (&Vec<String>, u8)| {
            names.iter().map(move |name| NewMember { kind, name: name.clone(), role }).collect::<Vec<_>>()
        };
        roles.into_iter().flat_map(of_role)
    }
}

impl NewMember {
    fn request(&self) -> Value {
        let Self { kind, name, role } = self;
        match kind {
            MemberKind::User => json!({ "role_id": role, "member_user": { "username": name } }),
            MemberKind::Group => json!({ "role_id": role, "member_group": { "group_name": name } }),
            MemberKind::LdapGroup => json!({ "role_id": role, "member_group": { "ldap_group_dn": name } }),
        }
    }
}

impl Api<'_> {
    /// Adds a member to the project at hand. Returns what Harbor said if it did not; one who is a member already is as good.
    pub(crate) async fn add_member(&self, member: &NewMember) -> Result<Option<String>> {
        let path = format!("projects/{}/members", project_of(self.at));
        let answer = self.send(Method::POST, &path, Some(member.request().to_string())).await?;
        Ok(match (answer.status, answer.message()) {
            (201 | 409, _) => None,
            (status, said) if said.is_empty() => Some(format!("Harbor answers {status}")),
            (_, said) => Some(said),
        })
    }
}

//! Accounts and their rights.

/// A right of an account in a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Right {
    /// Pull images: resource `repository`, action `pull`.
    Pull,
    /// Push images: resource `repository`, action `push`.
    Push,
    /// Read the project itself through the API.
    ReadProject,
    /// List artifacts through the API: resource `artifact`, action `list`.
    ListArtifacts,
    /// Read one artifact through the API: resource `artifact`, action `read`.
    ReadArtifact,
    /// Read how much of the quota is used.
    ReadQuota,
    /// List the rules for immutable tags: resource `immutable-tag`, action `list`.
    ListRules,
    /// List, make and use labels: resources `label` and `artifact-label`, action `create`.
    Label,
    /// Read the policy for retention: resource `tag-retention`, action `read`.
    ReadRetention,
    /// Start scans: resource `scan`, action `create`.
    Scan,
    /// Add members to the project: resource `member`, action `create`.
    AddMembers,
}

impl Right {
    /// Everything, as a project administrator may do.
    pub const ALL: [Self; 11] = [
        Self::Pull,
        Self::Push,
        Self::ReadProject,
        Self::ListArtifacts,
        Self::ReadArtifact,
        Self::ReadQuota,
        Self::ListRules,
        Self::Label,
        Self::ReadRetention,
        Self::Scan,
        Self::AddMembers,
    ];

    /// The rights of the role Developer, which does not include the rules for immutable tags (`rbac_role.go`).
    pub const DEVELOPER: [Self; 6] =
        [Self::Pull, Self::Push, Self::ReadProject, Self::ListArtifacts, Self::ReadArtifact, Self::ReadQuota];

    /// The rights of the role Guest.
    pub const GUEST: [Self; 5] =
        [Self::Pull, Self::ReadProject, Self::ListArtifacts, Self::ReadArtifact, Self::ReadQuota];

    /// Returns its name in the API: resource and action.
    pub(super) fn policy(self) -> (&'static str, &'static str) {
        match self {
            Self::Pull => ("repository", "pull"),
            Self::Push => ("repository", "push"),
            Self::ReadProject => ("project", "read"),
            Self::ListArtifacts => ("artifact", "list"),
            Self::ReadArtifact => ("artifact", "read"),
            Self::ReadQuota => ("quota", "read"),
            Self::ListRules => ("immutable-tag", "list"),
            Self::Label => ("artifact-label", "create"),
            Self::ReadRetention => ("tag-retention", "read"),
            Self::Scan => ("scan", "create"),
            Self::AddMembers => ("member", "create"),
        }
    }
}

/// An account: the administrator, a user, or a robot.
#[derive(Clone, Debug)]
pub struct Account {
    pub(super) name: String,
    pub(super) secret: String,
    pub(super) kind: Kind,
    /// By project; `*` covers all, also those to come.
    grants: Vec<(String, Vec<Right>)>,
    pub(super) creates_projects: bool,
    /// A user of an OIDC provider, whose CLI secret counts for a part of the API only.
    pub(super) oidc: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Admin,
    User,
    /// `robot$name`: may be given rights in several projects, and the right to create some.
    SystemRobot,
    /// `robot$project+name`: belongs to a project, and never creates one.
    ProjectRobot,
}

impl Account {
    /// An administrator, who has all rights.
    pub fn admin(name: &str, password: &str) -> Self {
        Self::new(name, password, Kind::Admin)
    }

    /// A user who may create projects and has all rights in those. In other projects the user has no rights yet.
    pub fn user(name: &str, password: &str) -> Self {
        Self { creates_projects: true, ..Self::new(name, password, Kind::User) }
    }

    /// The same with the CLI secret of a user who logs in by OIDC. Such a secret counts for `/v2/`, for tokens, and for
    /// a part of the API; everything else there answers 401 (`security/oidc_cli.go`).
    pub fn oidc(name: &str, cli_secret: &str) -> Self {
        Self { oidc: true, ..Self::user(name, cli_secret) }
    }

    /// A robot: `robot$name` of the system, or `robot$project+name` of a project. It may do nothing yet.
    pub fn robot(name: &str, secret: &str) -> Self {
        let kind = if name.contains('+') { Kind::ProjectRobot } else { Kind::SystemRobot };
        Self::new(name, secret, kind)
    }

    fn new(name: &str, secret: &str, kind: Kind) -> Self {
        let (name, secret) = (name.to_owned(), secret.to_owned());
        Self { name, secret, kind, grants: Vec::new(), creates_projects: kind == Kind::Admin, oidc: false }
    }

    /// Gives rights in a project, or with `*` in all of them, also in those to come.
    #[must_use]
    pub fn may(mut self, project: &str, rights: &[Right]) -> Self {
        self.grants.push((project.to_owned(), rights.to_vec()));
        self
    }

    /// Gives a robot of the system the right to create projects, which it needs only where administrators alone may.
    /// It gets no rights in them (goharbor/harbor#23985), so that it needs some in `*` to be of use there.
    #[must_use]
    pub fn may_create_projects(self) -> Self {
        Self { creates_projects: true, ..self }
    }

    pub(super) fn can(&self, project: &str, right: Right) -> bool {
        // The right to push includes the one to pull for robots of a project, not for those of the system
        // (`security/robot/context.go`).
        let also = (right == Right::Pull && self.kind == Kind::ProjectRobot).then_some(Right::Push);
        let has = |rights: &[Right]| rights.contains(&right) || also.is_some_and(|also| rights.contains(&also));
        self.kind == Kind::Admin
            || self.grants.iter().any(|(name, rights)| (name == "*" || name == project) && has(rights))
    }

    /// Returns true if it is an administrator or has rights in a project.
    pub(super) fn knows(&self, project: &str) -> bool {
        self.kind == Kind::Admin || self.grants.iter().any(|(name, _)| name == "*" || name == project)
    }

    /// A user owns the projects that they create; a robot does not.
    pub(super) fn own(&mut self, project: &str) {
        if self.kind == Kind::User {
            self.grants.push((project.to_owned(), Right::ALL.to_vec()));
        }
    }
}

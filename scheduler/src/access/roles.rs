//! Roles, and the one table of what each may call.

/// Tenant of the centre itself: pays for what the centre serves to everyone.
pub(crate) const CENTRE: &str = "centre";

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// People and programs of a tenant.
    Tenant,
    /// Runs the centre.
    Operator,
    /// Sees everything, changes nothing.
    Auditor,
    /// An application that calls models through a gateway.
    App,
    /// A worker's machine.
    Worker,
    /// A gateway.
    Gateway,
    /// Keeps a knowledge base: may only ask who it is, so that applications know it.
    Clerk,
}

impl Role {
    pub(crate) const ALL: [Self; 7] = [
        Self::Tenant,
        Self::Operator,
        Self::Auditor,
        Self::App,
        Self::Worker,
        Self::Gateway,
        Self::Clerk,
    ];

    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::App => "app",
            Self::Worker => "worker",
            Self::Gateway => "gateway",
            Self::Clerk => "clerk",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether the role sees every tenant's records.
    pub(crate) fn sees_all(self) -> bool {
        matches!(self, Self::Operator | Self::Auditor)
    }

    /// Whether its keys belong to a tenant that pays.
    pub(crate) fn of_tenant(self) -> bool {
        matches!(self, Self::Tenant | Self::App)
    }
}

/// Who may call a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Everybody, without a key.
    Anyone,
    /// Keys of these roles; an empty list is nobody.
    Roles(&'static [Role]),
}

const OPERATOR: Who = Who::Roles(&[Role::Operator]);
const OVERSEERS: Who = Who::Roles(&[Role::Operator, Role::Auditor]);
const DOERS: Who = Who::Roles(&[Role::Tenant, Role::Operator]);
const READERS: Who = Who::Roles(&[Role::Tenant, Role::Operator, Role::Auditor]);
const FILES: Who = Who::Roles(&[Role::Tenant, Role::Operator, Role::Worker]);
const GATEWAY: Who = Who::Roles(&[Role::Gateway]);
const WORKER: Who = Who::Roles(&[Role::Worker]);
const ANY_KEY: Who = Who::Roles(&Role::ALL);
/// Keys that do something here themselves.
const ANY_DOER: Who = Who::Roles(&[
    Role::Tenant,
    Role::Operator,
    Role::Auditor,
    Role::App,
    Role::Worker,
    Role::Gateway,
]);
/// Workers answer these, with their own tokens; the scheduler never does.
const NOBODY: Who = Who::Roles(&[]);

/// Every method of the scheduler's port. What is not here is refused.
pub(crate) const METHODS: &[(&str, Who)] = &[
    ("/grpc.health.v1.Health/Check", Who::Anyone),
    ("/grpc.health.v1.Health/Watch", Who::Anyone),
    (
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        ANY_DOER,
    ),
    (
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        ANY_DOER,
    ),
    ("/zhisuan.v1.Access/CreateTenant", OPERATOR),
    ("/zhisuan.v1.Access/ListTenants", OVERSEERS),
    ("/zhisuan.v1.Access/CreateKey", DOERS),
    ("/zhisuan.v1.Access/ListKeys", READERS),
    ("/zhisuan.v1.Access/RevokeKey", DOERS),
    ("/zhisuan.v1.Access/SetLimits", DOERS),
    ("/zhisuan.v1.Access/WhoAmI", ANY_KEY),
    ("/zhisuan.v1.Access/ResolveKey", GATEWAY),
    ("/zhisuan.v1.Access/CreateSignInLink", READERS),
    ("/zhisuan.v1.Artifacts/Put", FILES),
    ("/zhisuan.v1.Artifacts/Get", FILES),
    ("/zhisuan.v1.Artifacts/Stat", FILES),
    ("/zhisuan.v1.Artifacts/List", DOERS),
    ("/zhisuan.v1.Artifacts/Delete", DOERS),
    ("/zhisuan.v1.Billing/ListPrices", READERS),
    ("/zhisuan.v1.Billing/PublishPrices", OPERATOR),
    ("/zhisuan.v1.Billing/GetAccount", READERS),
    ("/zhisuan.v1.Billing/ListAccounts", OVERSEERS),
    ("/zhisuan.v1.Billing/TopUp", OPERATOR),
    ("/zhisuan.v1.Billing/Statement", READERS),
    ("/zhisuan.v1.Billing/Usage", READERS),
    ("/zhisuan.v1.Billing/Authorize", GATEWAY),
    ("/zhisuan.v1.Billing/Settle", GATEWAY),
    ("/zhisuan.v1.Billing/SettleMany", GATEWAY),
    ("/zhisuan.v1.Jobs/Submit", DOERS),
    ("/zhisuan.v1.Jobs/Get", READERS),
    ("/zhisuan.v1.Jobs/List", READERS),
    ("/zhisuan.v1.Jobs/Cancel", DOERS),
    ("/zhisuan.v1.Jobs/Watch", READERS),
    ("/zhisuan.v1.Jobs/Logs", READERS),
    ("/zhisuan.v1.Jobs/Explain", READERS),
    ("/zhisuan.v1.Jobs/Quote", READERS),
    ("/zhisuan.v1.Models/Register", DOERS),
    ("/zhisuan.v1.Models/List", READERS),
    ("/zhisuan.v1.Models/Get", READERS),
    ("/zhisuan.v1.Models/Deploy", DOERS),
    ("/zhisuan.v1.Models/Undeploy", DOERS),
    ("/zhisuan.v1.Models/UpdateDeployment", DOERS),
    ("/zhisuan.v1.Models/ListDeployments", READERS),
    ("/zhisuan.v1.Models/WatchRoutes", GATEWAY),
    ("/zhisuan.v1.Models/SetTraffic", DOERS),
    ("/zhisuan.v1.Models/ListTraffic", READERS),
    ("/zhisuan.v1.Models/AddBackend", OPERATOR),
    ("/zhisuan.v1.Models/RemoveBackend", OPERATOR),
    ("/zhisuan.v1.Models/ListBackends", OVERSEERS),
    ("/zhisuan.v1.Models/ReportDemand", GATEWAY),
    ("/zhisuan.v1.Nodes/List", OVERSEERS),
    ("/zhisuan.v1.Nodes/Drain", OPERATOR),
    ("/zhisuan.v1.Nodes/AcceptDevices", OPERATOR),
    ("/zhisuan.v1.Workers/Session", WORKER),
    ("/zhisuan.v1.Replicas/Generate", NOBODY),
    ("/zhisuan.v1.Replicas/Embed", NOBODY),
    ("/zhisuan.v1.Replicas/Score", NOBODY),
    ("/zhisuan.v1.Replicas/Tokenize", NOBODY),
    ("/zhisuan.v1.Replicas/Detokenize", NOBODY),
];

/// The rule of a method; `None` for a method that is not in the table.
pub(crate) fn rule(path: &str) -> Option<Who> {
    METHODS
        .iter()
        .find(|(method, _)| *method == path)
        .map(|(_, who)| *who)
}

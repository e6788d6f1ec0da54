//! What Cedar is asked about one effect of a call.

use std::cell::OnceCell;
use std::str::FromStr as _;
use std::sync::OnceLock;

use aap::ToolCall;
use cedar_policy::{
    ActionConstraint, Authorizer, Context, Entities, EntityId, EntityTypeName, EntityUid,
    PolicySet, PrincipalConstraint, Request, ResourceConstraint, RestrictedExpression,
};

use super::About;
use crate::effect::{Effect, EffectKind};

/// What Cedar says of one policy and one effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Scope and condition hold.
    Matches,
    /// They do not.
    DoesNot,
    /// The condition cannot be worked out: a sum that is too large, or a time that nobody knows.
    Unworkable,
}

/// Cedar, made ready for one call when the first policy needs it.
pub(super) struct Cedar<'a> {
    call: &'a ToolCall,
    ready: OnceCell<Ready>,
}

struct Ready {
    authorizer: Authorizer,
    entities: Entities,
    principal: EntityUid,
    resource: EntityUid,
}

impl<'a> Cedar<'a> {
    pub(super) fn new(call: &'a ToolCall) -> Self {
        Self {
            call,
            ready: OnceCell::new(),
        }
    }

    fn ready(&self) -> &Ready {
        self.ready.get_or_init(|| Ready {
            authorizer: Authorizer::new(),
            entities: Entities::empty(),
            principal: entity(&types().agent, &self.call.runtime),
            resource: entity(&types().tool, &self.call.tool),
        })
    }

    /// The question about `effect`. A context of plain texts, numbers and flags under fixed names cannot be wrong, nor can
    /// a request without a schema.
    pub(super) fn request(&self, effect: &Effect, about: &About<'_>) -> Option<Request> {
        let ready = self.ready();
        Request::new(
            ready.principal.clone(),
            action(effect.kind).clone(),
            ready.resource.clone(),
            context(effect, about)?,
            None,
        )
        .ok()
    }

    /// What `policies`, a set of one, makes of it.
    pub(super) fn ask(&self, policies: &PolicySet, request: &Request) -> Answer {
        let ready = self.ready();
        let response = ready
            .authorizer
            .is_authorized(request, policies, &ready.entities);
        if response.diagnostics().errors().next().is_some() {
            Answer::Unworkable
        } else if response.diagnostics().reason().next().is_some() {
            Answer::Matches
        } else {
            Answer::DoesNot
        }
    }
}

fn context(effect: &Effect, about: &About<'_>) -> Option<Context> {
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let optional = |word: &Option<String>| text(word.as_deref().unwrap_or_default());
    let situation = about.situation;
    let kinds = RestrictedExpression::new_set(about.kinds.iter().map(|kind| text(kind)));
    let mut pairs = vec![
        ("target", text(&effect.target)),
        ("place", text(effect.place.as_str())),
        ("manner", text(effect.manner)),
        ("program", text(&effect.program)),
        (
            "recursive",
            RestrictedExpression::new_bool(effect.recursive),
        ),
        ("forced", RestrictedExpression::new_bool(effect.forced)),
        ("also", kinds),
        ("role", optional(&situation.role)),
        ("channel", optional(&situation.channel)),
        ("runtime", text(&about.call.runtime)),
        ("cwd", optional(&about.call.cwd)),
        (
            "session_read_secret",
            RestrictedExpression::new_bool(!situation.secrets_read.is_empty()),
        ),
    ];
    // Left out where nobody knows the time: whatever asks for it then cannot be worked out.
    let hour = about.hour().map(RestrictedExpression::new_long);
    pairs.extend(hour.map(|hour| ("hour", hour)));
    let weekday = about.weekday().map(RestrictedExpression::new_long);
    pairs.extend(weekday.map(|weekday| ("weekday", weekday)));
    let pairs = pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Context::from_pairs(pairs).ok()
}

fn entity(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

/// The entity types of a request.
struct Types {
    agent: EntityTypeName,
    action: EntityTypeName,
    tool: EntityTypeName,
}

/// Read out of a policy's scope: the parser of policies is there anyway, one for names alone would have to be built
/// besides, a third of a millisecond in a process that lives for three.
fn types() -> &'static Types {
    static TYPES: OnceLock<Types> = OnceLock::new();
    TYPES.get_or_init(|| {
        let scope =
            "forbid (principal == Agent::\"\", action == Action::\"\", resource == Tool::\"\");";
        let policies = PolicySet::from_str(scope).expect("the scope above is a policy");
        let policy = policies.policies().next().expect("there is one policy");
        let (
            PrincipalConstraint::Eq(agent),
            ActionConstraint::Eq(action),
            ResourceConstraint::Eq(tool),
        ) = (
            policy.principal_constraint(),
            policy.action_constraint(),
            policy.resource_constraint(),
        )
        else {
            unreachable!("the scope above names one of each")
        };
        Types {
            agent: agent.type_name().clone(),
            action: action.type_name().clone(),
            tool: tool.type_name().clone(),
        }
    })
}

fn action(kind: EffectKind) -> &'static EntityUid {
    static ACTIONS: OnceLock<Vec<EntityUid>> = OnceLock::new();
    let actions = ACTIONS.get_or_init(|| {
        EffectKind::ALL
            .iter()
            .map(|kind| entity(&types().action, kind.as_str()))
            .collect()
    });
    &actions[super::index(kind)]
}

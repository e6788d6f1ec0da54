//! Cedar policies over effects: the built-in ones, compiled in as a table, and user files, which Cedar itself judges.

mod builtin;
#[cfg(test)]
mod compile;
mod pack;
mod table;
mod user;

use std::str::FromStr;
use std::sync::OnceLock;

use aap::{Decision, ToolCall};
use cedar_policy::{
    ActionConstraint, Authorizer, Context, Entities, EntityId, EntityTypeName, EntityUid, PolicyId,
    PolicySet, PrincipalConstraint, Request, ResourceConstraint, RestrictedExpression,
};

use crate::effect::{Effect, EffectKind};
use crate::situation::Situation;

pub(crate) use builtin::infos as builtin_infos;
pub use pack::{Pack, Packs, PacksError};
pub(crate) use user::load;
pub use user::{PolicyError, PolicyFile};

/// A rule as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo {
    /// `fs.delete.root` and the like.
    pub id: String,
    /// One sentence; `{target}` stands for what the effect is on.
    pub reason: String,
    /// AAP values that the call would violate.
    pub values: Vec<String>,
    /// What to do instead.
    pub advice: Option<String>,
    /// `forbid` or `ask`.
    pub effect: &'static str,
    /// How grave it is, 0 to 100: the gravest of several matches is the one that is reported.
    pub severity: u32,
    /// The kinds of effect that it looks at.
    pub effects: Vec<String>,
}

impl RuleInfo {
    /// What a match of this rule decides.
    pub fn decision(&self) -> Decision {
        if self.effect == "ask" {
            Decision::Ask
        } else {
            Decision::Deny
        }
    }
}

/// Values of AAP's standard set, the only ones a rule may name.
pub const STANDARD_VALUES: [&str; 8] = [
    "principal_benefit",
    "transparency",
    "minimal_data",
    "harm_prevention",
    "honesty",
    "user_control",
    "privacy",
    "fairness",
];

/// Severity of a rule that declares none.
const DEFAULT_SEVERITY: u32 = 50;

/// A parsed set of policies and its rules.
pub(crate) struct Rules {
    policies: PolicySet,
    infos: Vec<(PolicyId, RuleInfo)>,
}

impl Rules {
    /// Takes the rules out of a parsed set; the error names the policy (by position) and what is wrong with it.
    fn new(policies: PolicySet) -> Result<Self, (PolicyId, String)> {
        let mut infos = Vec::new();
        for policy in policies.policies() {
            let wrong = |what: &str| (policy.id().clone(), what.to_owned());
            let annotation = |key: &str| {
                // Not `annotation(key)`: that would build a parser for the key, a quarter of a millisecond the first time.
                policy
                    .annotations()
                    .find(|(name, text)| *name == key && !text.trim().is_empty())
                    .map(|(_, text)| text)
            };
            let id = annotation("id").ok_or_else(|| wrong("the policy has no @id(\"…\")"))?;
            let reason =
                annotation("reason").ok_or_else(|| wrong("the policy has no @reason(\"…\")"))?;
            let values: Vec<String> = annotation("values")
                .unwrap_or_default()
                .split(',')
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
                .collect();
            if let Some(value) = values
                .iter()
                .find(|value| !STANDARD_VALUES.contains(&value.as_str()))
            {
                return Err(wrong(&format!(
                    "@values names `{value}`, which is none of {}",
                    STANDARD_VALUES.join(", ")
                )));
            }
            if values.is_empty() {
                return Err(wrong("the policy has no @values(\"…\")"));
            }
            if policy.effect() == cedar_policy::Effect::Permit {
                return Err(wrong(
                    "`permit` has no meaning here: whatever no rule objects to is allowed; write `forbid`",
                ));
            }
            let effect = match annotation("effect") {
                None | Some("forbid") => "forbid",
                Some("ask") => "ask",
                Some(other) => {
                    return Err(wrong(&format!(
                        "@effect is `{other}`; it must be \"ask\" or \"forbid\""
                    )));
                }
            };
            let severity = match annotation("severity") {
                None => DEFAULT_SEVERITY,
                Some(text) => text
                    .parse()
                    .ok()
                    .filter(|severity| *severity <= 100)
                    .ok_or_else(|| wrong("@severity must be a number from 0 to 100"))?,
            };
            let effects = match policy.action_constraint() {
                ActionConstraint::Any => EffectKind::ALL
                    .iter()
                    .map(|kind| kind.as_str().to_owned())
                    .collect(),
                ActionConstraint::Eq(action) => vec![action.id().unescaped().to_owned()],
                ActionConstraint::In(actions) => actions
                    .iter()
                    .map(|action| action.id().unescaped().to_owned())
                    .collect(),
            };
            let info = RuleInfo {
                id: id.to_owned(),
                reason: reason.to_owned(),
                values,
                advice: annotation("advice").map(str::to_owned),
                effect,
                severity,
                effects,
            };
            infos.push((policy.id().clone(), info));
        }
        Ok(Self { policies, infos })
    }

    pub(crate) fn infos(&self) -> impl Iterator<Item = &RuleInfo> {
        self.infos.iter().map(|(_, info)| info)
    }

    /// The rules that object to what `request` describes.
    fn matching(
        &self,
        authorizer: &Authorizer,
        request: &Request,
        entities: &Entities,
    ) -> Vec<RuleInfo> {
        let response = authorizer.is_authorized(request, &self.policies, entities);
        let matched: Vec<&PolicyId> = response.diagnostics().reason().collect();
        self.infos
            .iter()
            .filter(|(id, _)| matched.contains(&id))
            .map(|(_, info)| info.clone())
            .collect()
    }
}

/// A rule that objected, and to which effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// The rule.
    pub rule: RuleInfo,
    /// The effect that it objected to, as in `Verdict.effects`.
    pub effect: String,
    /// The reason with its target filled in.
    pub reason: String,
}

/// What rules are told besides the effect that they are asked about.
pub(crate) struct About<'a> {
    call: &'a ToolCall,
    situation: &'a Situation,
    /// The kinds of all effects of the call.
    kinds: Vec<&'static str>,
}

/// Judges effects of one call.
pub(crate) struct Judge<'a> {
    about: About<'a>,
    packs: Packs,
    /// None where no user has policies: the built-in ones need no Cedar.
    cedar: Option<Cedar<'a>>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(
        call: &'a ToolCall,
        situation: &'a Situation,
        effects: &[Effect],
        packs: Packs,
        user: &'a [Rules],
    ) -> Self {
        let mut kinds: Vec<&'static str> =
            effects.iter().map(|effect| effect.kind.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        Self {
            about: About {
                call,
                situation,
                kinds,
            },
            cedar: (!user.is_empty()).then(|| Cedar::new(call, user)),
            packs,
        }
    }

    /// All objections to `effect`.
    pub(crate) fn judge(&self, effect: &Effect) -> Vec<Objection> {
        let builtin = builtin::matching(effect, &self.about, self.packs).map(builtin::Rule::info);
        let user = self
            .cedar
            .iter()
            .flat_map(|cedar| cedar.matching(effect, &self.about));
        builtin
            .chain(user)
            .map(|rule| Objection {
                reason: rule.reason.replace("{target}", shown(&effect.target)),
                effect: effect.to_string(),
                rule,
            })
            .collect()
    }
}

/// What Cedar is asked about one call.
struct Cedar<'a> {
    authorizer: Authorizer,
    entities: Entities,
    principal: EntityUid,
    resource: EntityUid,
    user: &'a [Rules],
}

impl<'a> Cedar<'a> {
    fn new(call: &ToolCall, user: &'a [Rules]) -> Self {
        Self {
            authorizer: Authorizer::new(),
            entities: Entities::empty(),
            principal: entity(&types().agent, &call.runtime),
            resource: entity(&types().tool, &call.tool),
            user,
        }
    }

    /// The users' rules that object to `effect` of the call that `about` tells of.
    fn matching(&self, effect: &Effect, about: &About<'_>) -> Vec<RuleInfo> {
        // A context of plain texts and flags under fixed names cannot be wrong, nor can a request without a schema.
        let request =
            Self::context(effect, about).and_then(|context| self.request(effect, context));
        let Some(request) = request else {
            return Vec::new();
        };
        self.user
            .iter()
            .flat_map(|rules| rules.matching(&self.authorizer, &request, &self.entities))
            .collect()
    }

    fn request(&self, effect: &Effect, context: Context) -> Option<Request> {
        Request::new(
            self.principal.clone(),
            action(effect.kind).clone(),
            self.resource.clone(),
            context,
            None,
        )
        .ok()
    }

    fn context(effect: &Effect, about: &About<'_>) -> Option<Context> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let optional = |word: &Option<String>| text(word.as_deref().unwrap_or_default());
        let situation = about.situation;
        Context::from_pairs([
            ("target".to_owned(), text(&effect.target)),
            ("place".to_owned(), text(effect.place.as_str())),
            ("manner".to_owned(), text(effect.manner)),
            ("program".to_owned(), text(&effect.program)),
            (
                "recursive".to_owned(),
                RestrictedExpression::new_bool(effect.recursive),
            ),
            (
                "forced".to_owned(),
                RestrictedExpression::new_bool(effect.forced),
            ),
            (
                "also".to_owned(),
                RestrictedExpression::new_set(about.kinds.iter().map(|kind| text(kind))),
            ),
            ("role".to_owned(), optional(&situation.role)),
            ("channel".to_owned(), optional(&situation.channel)),
            ("runtime".to_owned(), text(&about.call.runtime)),
            ("cwd".to_owned(), optional(&about.call.cwd)),
            (
                "session_read_secret".to_owned(),
                RestrictedExpression::new_bool(!situation.secrets_read.is_empty()),
            ),
        ])
        .ok()
    }
}

/// What a reason shows where nothing is named.
fn shown(target: &str) -> &str {
    if target.is_empty() { "unnamed" } else { target }
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
    &actions[EffectKind::ALL
        .iter()
        .position(|other| *other == kind)
        .unwrap_or_default()]
}

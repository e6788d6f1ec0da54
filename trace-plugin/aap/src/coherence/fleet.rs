//! The coherence of several agents: every pair, who stands apart, who goes together, and which values divide them.

use std::collections::VecDeque;

use serde::Serialize;

use super::{BY_CONFLICTS_WITH, Coherence, check, distinct, rounded};
use crate::card::AlignmentCard;

/// Standard deviations below the mean that make an outlier. From AAP's `constants` (`OUTLIER_STD_DEV_THRESHOLD`).
const OUTLIER_DEVIATION: f64 = 1.0;
/// With fewer agents nobody is an outlier. From the body of AAP's `checkFleetCoherence`.
const MIN_FOR_OUTLIERS: usize = 3;
/// The most agents that are compared with each other; pairs grow with the square (4950 here). Ours: AAP has no limit.
pub const MAX_FLEET: usize = 100;

/// An agent of a fleet.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// Its id; each member needs another.
    pub agent_id: &'a str,
    /// Its card.
    pub card: &'a AlignmentCard,
}

/// Why a fleet cannot be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// One agent alone has nobody to go together with.
    #[error("a fleet has at least 2 agents, this one {0}")]
    TooFew(usize),
    /// More than [`MAX_FLEET`].
    #[error(
        "a fleet of {0} agents is too large to compare each with each; the limit is {MAX_FLEET}"
    )]
    TooMany(usize),
    /// An id that two members share.
    #[error("agent {0} is in the fleet twice")]
    Twice(String),
}

/// Two agents and how they go together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// The one that comes first in the fleet.
    pub agent_a: String,
    /// The other.
    pub agent_b: String,
    /// The check of the first against the other.
    pub result: Coherence,
}

/// An agent that stands apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outlier {
    /// Which.
    pub agent_id: String,
    /// The mean of its pairs.
    pub agent_mean_score: f64,
    /// The mean of all agents' means.
    pub fleet_mean_score: f64,
    /// How many standard deviations lie between.
    pub deviation: f64,
    /// The values in its conflicts, in the order of the pairs.
    pub primary_conflicts: Vec<String>,
}

/// Agents that go together, each with another of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cluster {
    /// From 0.
    pub cluster_id: usize,
    /// Who, the nearest first.
    pub agent_ids: Vec<String>,
    /// The mean of the pairs within; 1 for a single agent.
    pub internal_coherence: f64,
    /// Values that all of them declare.
    pub shared_values: Vec<String>,
    /// Of these, values that nobody else declares.
    pub distinguishing_values: Vec<String>,
}

/// A value that not all declare, or that some reject.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Divergence {
    /// Which.
    pub value: String,
    /// Who declares it.
    pub agents_declaring: Vec<String>,
    /// Who does not.
    pub agents_missing: Vec<String>,
    /// Who rejects it.
    pub agents_conflicting: Vec<String>,
    /// The share of agents that miss or reject it.
    pub impact_on_fleet_score: f64,
}

/// One agent within the fleet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentSummary {
    /// Which.
    pub agent_id: String,
    /// The mean of its pairs.
    pub mean_score: f64,
    /// Pairs that are compatible.
    pub compatible_count: usize,
    /// Pairs with conflicts.
    pub conflict_count: usize,
    /// Its cluster.
    pub cluster_id: usize,
    /// Whether it stands apart.
    pub is_outlier: bool,
}

/// The coherence of a fleet, under AAP's names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fleet {
    /// The mean of all pairs' scores.
    pub fleet_score: f64,
    /// The least.
    pub min_pair_score: f64,
    /// The greatest.
    pub max_pair_score: f64,
    /// Agents.
    pub agent_count: usize,
    /// Pairs.
    pub pair_count: usize,
    /// Every pair.
    pub pairwise_matrix: Vec<Pair>,
    /// Who stands apart.
    pub outliers: Vec<Outlier>,
    /// Who goes together.
    pub clusters: Vec<Cluster>,
    /// What divides them, the most divisive first.
    pub divergence_report: Vec<Divergence>,
    /// Agent by agent, in the fleet's order.
    pub agent_summaries: Vec<AgentSummary>,
}

/// Checks each of `members` against each.
///
/// # Errors
/// [`FleetError`] if they are fewer than two, more than [`MAX_FLEET`], or not distinct.
pub fn check_fleet(
    members: &[Member<'_>],
    task_values: Option<&[String]>,
) -> Result<Fleet, FleetError> {
    match members.len() {
        count @ 0..2 => return Err(FleetError::TooFew(count)),
        count if count > MAX_FLEET => return Err(FleetError::TooMany(count)),
        _ => {}
    }
    let earlier = |index: usize| members[..index].iter().map(|member| member.agent_id);
    if let Some(twice) =
        (0..members.len()).find(|&index| earlier(index).any(|id| id == members[index].agent_id))
    {
        return Err(FleetError::Twice(members[twice].agent_id.to_owned()));
    }
    let matrix = Matrix::of(members, task_values);
    let scores = || matrix.pairs.iter().map(|(_, _, result)| result.score);
    let outliers = matrix.outliers(members);
    let clusters = matrix.clusters(members);
    let agent_summaries = (0..members.len())
        .map(|agent| matrix.summary(members, agent, &outliers, &clusters))
        .collect();
    Ok(Fleet {
        fleet_score: rounded(mean(scores())),
        min_pair_score: rounded(scores().fold(f64::INFINITY, f64::min)),
        max_pair_score: rounded(scores().fold(f64::NEG_INFINITY, f64::max)),
        agent_count: members.len(),
        pair_count: matrix.pairs.len(),
        outliers,
        clusters: clusters.into_iter().map(|(cluster, _)| cluster).collect(),
        divergence_report: divergences(members),
        agent_summaries,
        pairwise_matrix: matrix.named(members),
    })
}

/// Every pair, the agents by their places.
struct Matrix {
    pairs: Vec<(usize, usize, Coherence)>,
    means: Vec<f64>,
}

impl Matrix {
    fn of(members: &[Member<'_>], task_values: Option<&[String]>) -> Self {
        let mut pairs = Vec::with_capacity(members.len() * (members.len() - 1) / 2);
        for (a, first) in members.iter().enumerate() {
            for (b, second) in members.iter().enumerate().skip(a + 1) {
                pairs.push((a, b, check(first.card, second.card, task_values)));
            }
        }
        let of_agent = |agent: usize| {
            let own = pairs
                .iter()
                .filter(move |(a, b, _)| *a == agent || *b == agent);
            mean(own.map(|(_, _, result): &(usize, usize, Coherence)| result.score))
        };
        let means = (0..members.len()).map(of_agent).collect();
        Self { pairs, means }
    }

    fn of_agent(&self, agent: usize) -> impl Iterator<Item = &Coherence> {
        let own = move |(a, b, _): &&(usize, usize, Coherence)| *a == agent || *b == agent;
        self.pairs.iter().filter(own).map(|(_, _, result)| result)
    }

    fn between(&self, one: usize, other: usize) -> Option<&Coherence> {
        let (a, b) = (one.min(other), one.max(other));
        let found = self.pairs.iter().find(|pair| (pair.0, pair.1) == (a, b));
        found.map(|(_, _, result)| result)
    }

    fn outliers(&self, members: &[Member<'_>]) -> Vec<Outlier> {
        let of_means = mean(self.means.iter().copied());
        let variance = mean(self.means.iter().map(|agent| (agent - of_means).powi(2)));
        let deviation = variance.sqrt();
        if deviation <= 0.0 || members.len() < MIN_FOR_OUTLIERS {
            return Vec::new();
        }
        let apart = |agent: &usize| (of_means - self.means[*agent]) / deviation;
        let far = (0..members.len()).filter(|agent| apart(agent) >= OUTLIER_DEVIATION);
        far.map(|agent| Outlier {
            agent_id: members[agent].agent_id.to_owned(),
            agent_mean_score: rounded(self.means[agent]),
            fleet_mean_score: rounded(of_means),
            deviation: rounded(apart(&agent)),
            primary_conflicts: self.conflicts_of(agent),
        })
        .collect()
    }

    fn conflicts_of(&self, agent: usize) -> Vec<String> {
        let conflicts = self
            .of_agent(agent)
            .flat_map(|result| &result.value_alignment.conflicts);
        let values: Vec<String> = conflicts
            .flat_map(|conflict| [&conflict.initiator_value, &conflict.responder_value])
            .filter(|value| *value != BY_CONFLICTS_WITH)
            .cloned()
            .collect();
        distinct(&values).into_iter().map(str::to_owned).collect()
    }

    /// Components of agents that are compatible, each with the places of its agents.
    fn clusters(&self, members: &[Member<'_>]) -> Vec<(Cluster, Vec<usize>)> {
        let mut near = vec![Vec::new(); members.len()];
        for (a, b, _) in self.pairs.iter().filter(|(_, _, result)| result.compatible) {
            near[*a].push(*b);
            near[*b].push(*a);
        }
        let mut seen = vec![false; members.len()];
        let mut clusters = Vec::new();
        for start in 0..members.len() {
            if std::mem::replace(&mut seen[start], true) {
                continue;
            }
            let mut component = Vec::new();
            let mut queue = VecDeque::from([start]);
            while let Some(agent) = queue.pop_front() {
                component.push(agent);
                for &next in &near[agent] {
                    if !std::mem::replace(&mut seen[next], true) {
                        queue.push_back(next);
                    }
                }
            }
            let cluster = self.cluster(members, clusters.len(), &component);
            clusters.push((cluster, component));
        }
        clusters
    }

    fn cluster(&self, members: &[Member<'_>], cluster_id: usize, component: &[usize]) -> Cluster {
        let within: Vec<f64> = component
            .iter()
            .enumerate()
            .flat_map(|(at, &one)| component[at + 1..].iter().map(move |&other| (one, other)))
            .filter_map(|(one, other)| Some(self.between(one, other)?.score))
            .collect();
        let declared = |agent: usize| &members[agent].card.values.declared;
        let shared: Vec<&str> = distinct(declared(component[0]))
            .into_iter()
            .filter(|value| {
                component[1..]
                    .iter()
                    .all(|&agent| declared(agent).iter().any(|other| other == value))
            })
            .collect();
        let elsewhere = |value: &str| {
            (0..members.len())
                .filter(|agent| !component.contains(agent))
                .any(|agent| declared(agent).iter().any(|other| other == value))
        };
        let alone = shared.iter().filter(|value| !elsewhere(value));
        Cluster {
            cluster_id,
            agent_ids: component
                .iter()
                .map(|&agent| members[agent].agent_id.to_owned())
                .collect(),
            internal_coherence: if within.is_empty() {
                1.0
            } else {
                rounded(mean(within.into_iter()))
            },
            distinguishing_values: alone.map(|&value| value.to_owned()).collect(),
            shared_values: shared.iter().map(|&value| value.to_owned()).collect(),
        }
    }

    fn summary(
        &self,
        members: &[Member<'_>],
        agent: usize,
        outliers: &[Outlier],
        clusters: &[(Cluster, Vec<usize>)],
    ) -> AgentSummary {
        let agent_id = members[agent].agent_id;
        let conflicting = |result: &&Coherence| !result.value_alignment.conflicts.is_empty();
        let own = clusters.iter().find(|(_, places)| places.contains(&agent));
        AgentSummary {
            agent_id: agent_id.to_owned(),
            mean_score: rounded(self.means[agent]),
            compatible_count: self
                .of_agent(agent)
                .filter(|result| result.compatible)
                .count(),
            conflict_count: self.of_agent(agent).filter(conflicting).count(),
            cluster_id: own.map_or(0, |(cluster, _)| cluster.cluster_id),
            is_outlier: outliers.iter().any(|outlier| outlier.agent_id == agent_id),
        }
    }

    fn named(self, members: &[Member<'_>]) -> Vec<Pair> {
        let name = |agent: usize| members[agent].agent_id.to_owned();
        let pairs = self.pairs.into_iter();
        pairs
            .map(|(a, b, result)| Pair {
                agent_a: name(a),
                agent_b: name(b),
                result,
            })
            .collect()
    }
}

fn divergences(members: &[Member<'_>]) -> Vec<Divergence> {
    let all: Vec<String> = members
        .iter()
        .flat_map(|member| member.card.values.declared.iter().cloned())
        .collect();
    let names = |chosen: &dyn Fn(&Member<'_>) -> bool| -> Vec<String> {
        let chosen = members.iter().filter(|member| chosen(member));
        chosen.map(|member| member.agent_id.to_owned()).collect()
    };
    let mut found: Vec<Divergence> = distinct(&all)
        .into_iter()
        .filter_map(|value| {
            let rejects = |member: &Member<'_>| {
                let list = &member.card.values.conflicts_with;
                list.iter().any(|other| other == value)
            };
            let missing = names(&|member| !member.card.declares(value));
            let conflicting = names(&rejects);
            let apart = missing.len() + conflicting.len();
            (apart > 0).then(|| Divergence {
                value: value.to_owned(),
                agents_declaring: names(&|member| member.card.declares(value)),
                agents_missing: missing,
                agents_conflicting: conflicting,
                impact_on_fleet_score: rounded(share(apart, members.len())),
            })
        })
        .collect();
    // Stable: those of one impact stay in the order of the cards.
    found.sort_by(|a, b| b.impact_on_fleet_score.total_cmp(&a.impact_on_fleet_score));
    found
}

#[expect(clippy::cast_precision_loss, reason = "at most MAX_FLEET agents")]
fn share(part: usize, all: usize) -> f64 {
    part as f64 / all as f64
}

/// 0 of nothing.
fn mean(numbers: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for number in numbers {
        sum += number;
        count += 1.0;
    }
    if count > 0.0 { sum / count } else { 0.0 }
}

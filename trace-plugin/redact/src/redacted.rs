//! The type that proves that content was masked, and the list of what was.

use std::ops::Deref;

use serde::{Serialize, Serializer};

/// How often one rule masked something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Masked {
    /// The rule's name, as it stands in the placeholder.
    pub rule: &'static str,
    /// How many times.
    pub count: u32,
}

/// Content without secrets. Only a [`Redactor`](crate::Redactor) makes one.
///
/// It serialises as the content alone; what was masked is told by [`Redacted::masked`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted<T> {
    value: T,
    masks: Masks,
}

impl<T> Redacted<T> {
    pub(crate) fn new(value: T, masks: Masks) -> Self {
        Self { value, masks }
    }

    /// The content.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// What was masked on the way, by rule, in order of first appearance.
    pub fn masked(&self) -> &[Masked] {
        &self.masks.0
    }
}

impl<T> Deref for Redacted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> AsRef<T> for Redacted<T> {
    fn as_ref(&self) -> &T {
        &self.value
    }
}

impl<T: Serialize> Serialize for Redacted<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

/// Counts by rule; a handful at most, so a list is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Masks(Vec<Masked>);

impl Masks {
    pub(crate) fn add_all(&mut self, other: &Self) {
        for masked in &other.0 {
            (0..masked.count).for_each(|_| self.add(masked.rule));
        }
    }

    pub(crate) fn add(&mut self, rule: &'static str) {
        match self.0.iter_mut().find(|masked| masked.rule == rule) {
            Some(masked) => masked.count = masked.count.saturating_add(1),
            None => self.0.push(Masked { rule, count: 1 }),
        }
    }
}

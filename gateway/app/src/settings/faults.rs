//! What is wrong with the settings of a start, gathered, and told as one error.

use std::fmt;

use smoltbot_config::ConfigError;

use crate::output;

/// Everything that is wrong, a sentence each.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<String>);

impl Faults {
    /// What was found, or nothing and one fault more.
    pub(crate) fn of<T>(&mut self, found: Result<T, impl Into<Self>>) -> Option<T> {
        match found {
            Ok(found) => Some(found),
            Err(faults) => {
                self.0.extend(faults.into().0);
                None
            }
        }
    }

    /// Adds one.
    pub(crate) fn add(&mut self, fault: &ConfigError) {
        self.0.push(fault.to_string());
    }

    /// `found`, if nothing is wrong.
    pub(crate) fn unless_any<T>(self, found: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(found)
        } else {
            Err(self)
        }
    }

    /// Each by itself.
    pub(crate) fn each(&self) -> &[String] {
        &self.0
    }
}

/// Both, or what is wrong with either.
pub(crate) fn both<A, B>(
    one: Result<A, impl Into<Faults>>,
    other: Result<B, impl Into<Faults>>,
) -> Result<(A, B), Faults> {
    let mut faults = Faults::default();
    match (faults.of(one), faults.of(other)) {
        (Some(one), Some(other)) => Ok((one, other)),
        _ => Err(faults),
    }
}

impl From<ConfigError> for Faults {
    fn from(error: ConfigError) -> Self {
        let each = error.each();
        Self(each.iter().map(ToString::to_string).collect())
    }
}

impl From<anyhow::Error> for Faults {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<ConfigError>() {
            Ok(error) => error.into(),
            Err(error) => Self(vec![output::in_one(&error)]),
        }
    }
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0[..] {
            [one] => f.write_str(one),
            all => {
                write!(f, "{} things are wrong with the configuration:", all.len())?;
                all.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
            }
        }
    }
}

//! What reading a call may cost. Bounds on length and depth alone leave room for what multiplies: a function that is long and
//! called often, a variable that is long and printed often, braces times braces. So all that takes time is
//! charged to one budget; when it is spent, the call is `opaque:too_complex` and reading ends.
//!
//! The unit is about a tenth of a microsecond. It is counted, not timed: the same call always gets the same verdict.

use super::Shell;

impl Shell<'_> {
    /// Takes `units` from what the call may cost; false, and the call is opaque, when there is too little left.
    pub(crate) fn work(&mut self, units: usize) -> bool {
        if units < self.left {
            self.left -= units;
            return true;
        }
        self.left = 0;
        self.opaque("too_complex", "");
        false
    }

    /// Takes what copying the scope and `bytes` of data costs: once or twice a command.
    pub(super) fn work_on_command(&mut self, bytes: usize) -> bool {
        let scope = &self.scope;
        let names = scope.variables.len() + scope.functions.len() + scope.aliases.len();
        let units = 6 + 2 * names + scope.positional.len() + bytes / 512;
        self.work(units)
    }
}

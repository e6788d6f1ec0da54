//! Canonical JSON (RFC 8785), the one form in which content is digested.

use serde::Serialize;

use crate::json::Json;

/// Not a value that canonical JSON can hold.
#[derive(Debug, thiserror::Error)]
#[error("not representable as canonical JSON: {0}")]
pub struct NotCanonical(pub(crate) String);

/// Canonical bytes of `value`. A number that is not finite is null, as JSON has none.
///
/// # Errors
/// [`NotCanonical`] when a map key is not a string.
pub fn to_vec(value: &impl Serialize) -> Result<Vec<u8>, NotCanonical> {
    let value = serde_json::to_value(value).map_err(|error| NotCanonical(error.to_string()))?;
    Json::from(&value).to_canonical()
}

/// Writes a number, given as JSON, as ECMAScript writes the double that it is (RFC 8785, section 3.2.2.3). The digits must be
/// the shortest that are this double and no other, of two such the even one, as `serde_json` writes them.
pub(crate) fn write_double(json: &str, out: &mut Vec<u8>) {
    /// Places before the point that are written out.
    const MOST_BEFORE: i32 = 21;
    /// Zeros behind the point that are written out, and one.
    const MOST_ZEROS: i32 = 6;
    let (sign, json) = json
        .strip_prefix('-')
        .map_or(("", json), |json| ("-", json));
    let (decimal, exponent) = json.split_once(['e', 'E']).unwrap_or((json, "0"));
    let whole = decimal.split('.').next().unwrap_or_default();
    let digits = decimal.replace('.', "");
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let digits = digits.trim_matches('0');
    if digits.is_empty() {
        // Either zero.
        out.push(b'0');
        return;
    }
    // Where the point is, from the first of the digits on; a double has less than 400 places on either side.
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let places = |count: usize| i32::try_from(count).unwrap_or_default();
    let point = places(whole.len()) - places(leading) + exponent;
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    let count = places(digits.len());
    let text = if (count..=MOST_BEFORE).contains(&point) {
        format!("{sign}{digits}{}", zeros(point - count))
    } else if (1..=MOST_BEFORE).contains(&point) {
        let (whole, rest) = digits.split_at(usize::try_from(point).unwrap_or_default());
        format!("{sign}{whole}.{rest}")
    } else if (1 - MOST_ZEROS..=0).contains(&point) {
        format!("{sign}0.{}{digits}", zeros(-point))
    } else {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        format!("{sign}{first}{dot}{rest}e{:+}", point - 1)
    };
    out.extend(text.bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(number: f64) -> String {
        let mut out = Vec::new();
        write_double(&serde_json::to_string(&number).unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    /// RFC 8785, appendix B.
    #[test]
    fn numbers_are_those_of_the_rfc() {
        for (bits, text) in [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            assert_eq!(written(f64::from_bits(bits)), text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn numbers_are_those_of_the_canonicalizer(bits: u64, small in -1e22..1e22_f64, scale in 0..40_i32) {
            // Of the last two, many are as close to one shortest form as to another.
            let tie = f64::from(u32::MAX) * 1e6 + small.trunc().abs() % 1e9;
            for number in [f64::from_bits(bits), small, small / 10_f64.powi(scale), small.trunc(), tie / 2.0, tie / 4.0] {
                prop_assume!(number.is_finite());
                let theirs = serde_json_canonicalizer::to_string(&number).unwrap();
                prop_assert_eq!(written(number), theirs);
            }
        }
    }
}

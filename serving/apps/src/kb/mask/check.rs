//! Check digits.

/// Whether 18 characters are an identity number: a date of birth and the check digit of
/// GB 11643-1999 (ISO 7064 MOD 11-2).
pub(super) fn is_identity(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let [head @ .., last] = digits else {
        return false;
    };
    if head.len() != 17 || !head.iter().all(u8::is_ascii_digit) || !is_birth(&digits[6..14]) {
        return false;
    }
    let sum: u32 = head
        .iter()
        .zip(WEIGHTS)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    b"10X98765432".get((sum % 11) as usize) == Some(&last.to_ascii_uppercase())
}

/// Whether 15 digits are an identity number of before 1999: six of a place, then YYMMDD.
pub(super) fn is_old_identity(digits: &[u8]) -> bool {
    digits.len() == 15 && (b'1'..=b'8').contains(&digits[0]) && month_and_day(&digits[8..12])
}

/// Whether eight digits are a date of birth.
fn is_birth(digits: &[u8]) -> bool {
    matches!(digits.get(..2), Some(b"19" | b"20")) && month_and_day(&digits[4..])
}

fn month_and_day(digits: &[u8]) -> bool {
    let pair = |at: usize| (digits[at] - b'0') * 10 + (digits[at + 1] - b'0');
    (1..=12).contains(&pair(0)) && (1..=31).contains(&pair(2))
}

/// Whether digits satisfy the Luhn check of ISO/IEC 7812-1.
pub(super) fn is_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit - b'0') * if place % 2 == 1 { 2 } else { 1 };
            value / 10 + value % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether 18 characters are a unified social credit code with its check character
/// (GB 32100-2015, ISO 7064 MOD 31-3).
pub(super) fn is_credit_code(code: &[u8]) -> bool {
    const SIGNS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let value = |sign: &u8| SIGNS.iter().position(|known| known == sign);
    let mut weight = 1;
    let mut sum = 0;
    let [head @ .., last] = code else {
        return false;
    };
    for sign in head {
        let Some(value) = value(sign) else {
            return false;
        };
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    head.len() == 17 && value(last) == Some((31 - sum % 31) % 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_decide() {
        // The example of the standard, and its neighbour.
        assert!(is_identity(b"11010519491231002X"));
        assert!(!is_identity(b"110105194912310021"));
        assert!(!is_identity(b"110105194913310022"));
        assert!(is_luhn(b"4111111111111111"));
        assert!(!is_luhn(b"4111111111111112"));
        assert!(is_credit_code(b"91350100M000100Y43"));
        assert!(!is_credit_code(b"91350100M000100Y44"));
    }
}

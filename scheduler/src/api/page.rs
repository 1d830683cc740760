//! Paging of lists.

use crate::words;
use tonic::Status;
use zhisuan_core::Refusal;
use zhisuan_proto::v1;

/// A checked page request.
pub(crate) struct PageAsk {
    pub(crate) limit: u32,
    pub(crate) token: Option<u64>,
}

pub(crate) fn page(page: Option<&v1::Page>) -> Result<PageAsk, Status> {
    let (limit, token) = page.map_or((0, ""), |page| (page.limit, page.token.as_str()));
    if limit > 1000 {
        return Err(words::refusal(&Refusal::invalid(
            "page.limit",
            limit,
            "1 to 1000",
        )));
    }
    let bad = || {
        words::refusal(&Refusal::invalid(
            "page.token",
            token,
            "the token of an earlier answer",
        ))
    };
    // Numbers that the store can have: larger ones cannot come from an answer.
    let token = match token.parse::<i64>() {
        _ if token.is_empty() => None,
        Ok(number) => Some(u64::try_from(number).map_err(|_| bad())?),
        Err(_) => return Err(bad()),
    };
    Ok(PageAsk {
        limit: if limit == 0 { 50 } else { limit },
        token,
    })
}

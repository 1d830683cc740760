//! The demo's bill, and the proof that it is the account's own history.

use super::stage::{Stage, fail};
use crate::commands::statement;
use crate::error::Result;
use crate::views;
use crate::words::{say, tr};
use std::time::Duration;
use tokio::time::Instant;
use zhisuan_proto::v1::{Account, GetAccountRequest, StatementResponse};

/// Requests are settled within this after their answer.
const SETTLED: Duration = Duration::from_secs(30);

/// Prints every line and compares the totals; a difference fails the demo.
pub(super) async fn check(stage: &Stage) -> Result<()> {
    let client = stage.tenant()?;
    let deadline = Instant::now() + SETTLED;
    let (bill, account) = loop {
        let bill = statement::whole(client, "", 0, 0).await?;
        let request = GetAccountRequest::default();
        let account = client.billing().get_account(request).await?.into_inner();
        let settled = account.held_micro == 0 && differences(&bill, &account).is_empty();
        // Holds are released a moment after the last answer; a lasting difference is told below.
        if settled || Instant::now() >= deadline {
            break (bill, account);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    for table in views::money::statement_tables(&bill) {
        stage.out.report(&table)?;
    }
    let tokens = bill.lines.iter().any(|line| !line.request_id.is_empty());
    let jobs = bill.lines.iter().any(|line| line.job_id > 0);
    let mut wrong = differences(&bill, &account);
    if !tokens || !jobs {
        wrong.push(tr("账单缺少作业或请求", "the bill lacks jobs or requests").to_owned());
    }
    if !wrong.is_empty() {
        return Err(fail("ZS-DEMO-BILL", wrong.join("; ")));
    }
    stage.out.line(&say!(
        "核对一致:期初 {} + 充值 {} - 费用 {} = 可用 {} + 预扣 {}(微元)",
        "checked: opening {} + top-ups {} - charges {} = available {} + held {} (micro-yuan)",
        bill.opening_micro,
        bill.topped_up_micro,
        bill.total_micro,
        account.available_micro,
        account.held_micro
    ))
}

/// Every way in which the bill and the account could disagree.
fn differences(bill: &StatementResponse, account: &Account) -> Vec<String> {
    let sum: i128 = bill
        .lines
        .iter()
        .map(|line| i128::from(line.amount_micro))
        .sum();
    let closing = i128::from(bill.opening_micro) + i128::from(bill.topped_up_micro)
        - i128::from(bill.total_micro);
    let balance = i128::from(account.available_micro) + i128::from(account.held_micro);
    let checks = [
        ("sum of lines", sum, "total", i128::from(bill.total_micro)),
        (
            "opening + top-ups - charges",
            closing,
            "available + held",
            balance,
        ),
        (
            "closing",
            i128::from(bill.closing_micro),
            "available + held",
            balance,
        ),
        (
            "total",
            i128::from(bill.total_micro),
            "charged",
            i128::from(account.charged_micro),
        ),
        (
            "lines",
            bill.lines.len() as i128,
            "line count",
            i128::from(bill.line_count),
        ),
    ];
    checks
        .into_iter()
        .filter(|(_, left, _, right)| left != right)
        .map(|(left_name, left, right_name, right)| {
            format!("{left_name} {left} != {right_name} {right}")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use zhisuan_proto::v1::StatementLine;

    #[test]
    fn a_bill_that_is_off_by_one_is_noticed() {
        let mut bill = StatementResponse {
            lines: vec![StatementLine {
                amount_micro: 30,
                ..StatementLine::default()
            }],
            total_micro: 30,
            topped_up_micro: 100,
            closing_micro: 70,
            line_count: 1,
            ..StatementResponse::default()
        };
        let account = Account {
            available_micro: 60,
            held_micro: 10,
            charged_micro: 30,
            ..Account::default()
        };
        assert!(differences(&bill, &account).is_empty());
        bill.lines[0].amount_micro = 31;
        assert_eq!(differences(&bill, &account).len(), 1);
    }
}

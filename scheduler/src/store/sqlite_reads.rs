//! Queries over what was committed.

use super::{ChargeFilter, JobFilter, Reads, SkuTotal, Sqlite, StoreError, StoredJob, Totals};
use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};
use serde::de::DeserializeOwned;
use zhisuan_core::Millis;
use zhisuan_core::ledger::Transaction;

impl Reads for Sqlite {
    fn job(&self, id: u64) -> Result<Option<StoredJob>, StoreError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare_cached("SELECT body, spec, outputs FROM job WHERE id = ?")?;
        let mut rows = statement.query([id])?;
        rows.next()?.map(stored_job).transpose()
    }

    fn jobs(&self, filter: &JobFilter) -> Result<(Vec<StoredJob>, u64), StoreError> {
        let (clauses, mut values) = conditions(filter);
        let connection = self.lock();
        let count = format!("SELECT count(*) FROM job WHERE {clauses}");
        let total = connection
            .prepare_cached(&count)?
            .query_row(params_from_iter(&values), |row| row.get(0))?;
        let page = format!(
            "SELECT body, spec, outputs FROM job WHERE {clauses} AND id < ? ORDER BY id DESC LIMIT ?"
        );
        values.push(Value::from(
            filter.before.map_or(i64::MAX, |before| before as i64),
        ));
        values.push(Value::from(i64::from(filter.limit)));
        let mut statement = connection.prepare_cached(&page)?;
        let mut rows = statement.query(params_from_iter(&values))?;
        let mut jobs = Vec::new();
        while let Some(row) = rows.next()? {
            jobs.push(stored_job(row)?);
        }
        Ok((jobs, total))
    }

    fn charges(&self, filter: &ChargeFilter) -> Result<Vec<Transaction>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT body FROM posting
             WHERE tenant = ? AND at_ms >= ? AND at_ms < ? AND id > ? AND kind IN ('charge', 'reversal')
             ORDER BY id LIMIT ?",
        )?;
        let mut rows = statement.query(params![
            filter.tenant,
            filter.from.0,
            filter.to.0,
            filter.after,
            filter.limit
        ])?;
        let mut charges = Vec::new();
        while let Some(row) = rows.next()? {
            charges.push(parse("transaction", &row.get::<_, String>(0)?)?);
        }
        Ok(charges)
    }

    fn totals(&self, tenant: &str, from: Millis, to: Millis) -> Result<Totals, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT kind, count(*), sum(amount_micro) FROM posting
             WHERE tenant = ? AND at_ms >= ? AND at_ms < ? GROUP BY kind",
        )?;
        let mut rows = statement.query(params![tenant, from.0, to.0])?;
        let mut totals = Totals::default();
        while let Some(row) = rows.next()? {
            let (lines, amount): (u64, i64) = (row.get(1)?, row.get(2)?);
            match row.get::<_, String>(0)?.as_str() {
                "top_up" => totals.topped_up_micro += amount,
                "hold" => totals.held_micro += amount,
                "release" => totals.held_micro -= amount,
                "charge" => {
                    totals.charged_micro += amount;
                    totals.held_micro -= amount;
                    totals.lines += lines;
                }
                _ => {
                    totals.charged_micro -= amount;
                    totals.held_micro += amount;
                    totals.lines += lines;
                }
            }
        }
        Ok(totals)
    }

    fn by_sku(
        &self,
        tenant: Option<&str>,
        from: Millis,
        to: Millis,
    ) -> Result<Vec<SkuTotal>, StoreError> {
        let connection = self.lock();
        // One text per question, so that each finds its index.
        let whose = if tenant.is_some() {
            "tenant = ?1"
        } else {
            "?1 IS NULL"
        };
        let query = format!(
            "SELECT sku, unit,
                    sum(CASE kind WHEN 'charge' THEN quantity ELSE -quantity END),
                    sum(CASE kind WHEN 'charge' THEN amount_micro ELSE -amount_micro END),
                    count(*)
             FROM posting
             WHERE {whose} AND at_ms >= ?2 AND at_ms < ?3 AND kind IN ('charge', 'reversal')
             GROUP BY sku, unit ORDER BY sku"
        );
        let mut statement = connection.prepare_cached(&query)?;
        let rows = statement.query_map(params![tenant, from.0, to.0], |row| {
            Ok(SkuTotal {
                sku: row.get(0)?,
                unit: row.get(1)?,
                quantity: row.get(2)?,
                amount_micro: row.get(3)?,
                lines: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    }
}

fn conditions(filter: &JobFilter) -> (String, Vec<Value>) {
    let mut clauses = vec!["1 = 1".to_owned()];
    let mut values = Vec::new();
    let mut equal = |column: &str, value: &Option<String>| {
        if let Some(value) = value {
            clauses.push(format!("{column} = ?"));
            values.push(Value::from(value.clone()));
        }
    };
    equal("tenant", &filter.tenant);
    equal("queue", &filter.queue);
    if !filter.states.is_empty() {
        let marks = vec!["?"; filter.states.len()].join(", ");
        clauses.push(format!("state IN ({marks})"));
        values.extend(filter.states.iter().cloned().map(Value::from));
    }
    if let Some(part) = &filter.name_contains {
        clauses.push("instr(name, ?) > 0".to_owned());
        values.push(Value::from(part.clone()));
    }
    if let Some(since) = filter.since {
        clauses.push("submitted_at_ms >= ?".to_owned());
        values.push(Value::from(since.0));
    }
    (clauses.join(" AND "), values)
}

fn stored_job(row: &Row<'_>) -> Result<StoredJob, StoreError> {
    Ok(StoredJob {
        job: parse("job", &row.get::<_, String>(0)?)?,
        spec: row.get(1)?,
        outputs: parse("outputs", &row.get::<_, String>(2)?)?,
    })
}

fn parse<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged {
        what,
        cause: error.to_string(),
    })
}

//! The table: what the catalog says, and what really happens when a role tries.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use tokio_postgres::error::SqlState;
use tokio_postgres::{SimpleQueryMessage, Transaction};

/// Who tries. `PUBLIC` is somebody without any membership.
const ROLES: [&str; 4] = ["PUBLIC", "anon", "ingest", "service_role"];
const MAKE_NOBODY: &str = "DO $$ BEGIN CREATE ROLE matrix_nobody NOLOGIN; \
                           EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$";
const NOBODY: &str = "matrix_nobody";

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// It went through; at most the values were not good.
    Works,
    /// No row is seen.
    Nothing,
    /// A policy refused the new row.
    Refused,
    /// There is no right to it.
    Denied,
}

/// A table or a view.
struct Relation {
    name: String,
    kind: String,
    columns: Vec<String>,
}

/// All of it as lines of text.
pub(crate) async fn read(transaction: &Transaction<'_>) -> String {
    transaction.batch_execute(MAKE_NOBODY).await.unwrap();
    let mut text = String::new();
    for line in lines(transaction, ROLE_LINES).await {
        writeln!(text, "{line}").unwrap();
    }
    for line in lines(transaction, SCHEMA_LINES).await {
        writeln!(text, "{line}").unwrap();
    }
    for relation in relations(transaction).await {
        writeln!(text, "\n{} ({})", relation.name, relation.kind).unwrap();
        let policies = POLICY_LINES.replace("RELATION", &relation.name);
        for line in lines(transaction, &policies).await {
            writeln!(text, "  {line}").unwrap();
        }
        let others = OTHER_LINES.replace("RELATION", &relation.name);
        for line in lines(transaction, &others).await {
            writeln!(text, "  {line}").unwrap();
        }
        for role in ROLES {
            for line in tries(transaction, role, &relation).await {
                writeln!(text, "  {line}").unwrap();
            }
        }
    }
    writeln!(text).unwrap();
    for line in lines(transaction, FUNCTION_LINES).await {
        writeln!(text, "{line}").unwrap();
    }
    text
}

/// What `role` can do to `relation`, a line for each verb and outcome. What is not told was denied.
async fn tries(transaction: &Transaction<'_>, role: &str, relation: &Relation) -> Vec<String> {
    let mut lines = Vec::new();
    let granted = granted(transaction, role, relation).await;
    for verb in ["select", "insert", "update", "delete", "truncate"] {
        let mut outcomes: BTreeMap<Outcome, Vec<&str>> = BTreeMap::new();
        let name = &relation.name;
        for column in columns_for(verb, relation) {
            let quoted = format!("\"{column}\"");
            let sql = match verb {
                "select" => format!("SELECT {quoted} FROM {name}"),
                "insert" => format!("INSERT INTO {name} ({quoted}) VALUES (DEFAULT)"),
                "update" => format!("UPDATE {name} SET {quoted} = DEFAULT"),
                "delete" => format!("DELETE FROM {name}"),
                _ => format!("TRUNCATE {name}"),
            };
            let outcome = attempt(transaction, role, &sql).await;
            let granted = granted.contains(&(verb.to_owned(), column.to_owned()));
            assert_eq!(
                granted,
                outcome != Outcome::Denied,
                "{role} on {name}.{column}, {verb}: the catalog and the try disagree"
            );
            outcomes.entry(outcome).or_default().push(column);
        }
        outcomes.remove(&Outcome::Denied);
        for (outcome, columns) in outcomes {
            let outcome = format!("{outcome:?}").to_lowercase();
            let columns = columns.join(" ");
            lines.push(
                format!("{role:<13} {verb:<8} {outcome:<8} {columns}")
                    .trim_end()
                    .to_owned(),
            );
        }
    }
    lines
}

fn columns_for<'a>(verb: &str, relation: &'a Relation) -> Vec<&'a str> {
    match verb {
        "truncate" if relation.kind.starts_with("view") => Vec::new(),
        "delete" | "truncate" => vec![""],
        _ => relation.columns.iter().map(String::as_str).collect(),
    }
}

fn login(role: &str) -> &str {
    if role == "PUBLIC" { NOBODY } else { role }
}

/// Tries a statement under a role and takes it back.
async fn attempt(transaction: &Transaction<'_>, role: &str, sql: &str) -> Outcome {
    let role = login(role);
    let tried = transaction
        .simple_query(&format!("SAVEPOINT try; SET LOCAL ROLE {role}; {sql}"))
        .await;
    let outcome = match tried {
        Ok(messages) => match messages.last() {
            // An INSERT that went through has one row; a TRUNCATE tells none.
            Some(SimpleQueryMessage::CommandComplete(0)) if !sql.starts_with("TRUNCATE") => {
                Outcome::Nothing
            }
            _ => Outcome::Works,
        },
        Err(error) => {
            let answer = error.as_db_error().unwrap();
            match answer.code() {
                &SqlState::INSUFFICIENT_PRIVILEGE
                    if answer.message().contains("row-level security") =>
                {
                    Outcome::Refused
                }
                &SqlState::INSUFFICIENT_PRIVILEGE => Outcome::Denied,
                // The rights were there; what was written is not good.
                code if code.code().starts_with("23") => Outcome::Works,
                _ => panic!("{role}: {sql}: {answer}"),
            }
        }
    };
    transaction
        .batch_execute("ROLLBACK TO try; RELEASE try")
        .await
        .unwrap();
    outcome
}

/// What the catalog says of the same: each column (none for a verb that has no columns) that `role` has a right to.
async fn granted(
    transaction: &Transaction<'_>,
    role: &str,
    relation: &Relation,
) -> BTreeSet<(String, String)> {
    let name = &relation.name;
    let (role, schema) = (login(role), name.split('.').next().unwrap());
    let sql = format!(
        "SELECT v.verb, a.attname::text FROM unnest(ARRAY['select', 'insert', 'update']) AS v (verb), pg_attribute a
         WHERE a.attrelid = '{name}'::regclass AND a.attnum > 0 AND NOT a.attisdropped
            AND has_schema_privilege('{role}', '{schema}', 'USAGE')
            AND has_column_privilege('{role}', a.attrelid, a.attnum, v.verb)
         UNION ALL SELECT v.verb, '' FROM unnest(ARRAY['delete', 'truncate']) AS v (verb)
         WHERE has_schema_privilege('{role}', '{schema}', 'USAGE')
            AND has_table_privilege('{role}', '{name}'::regclass, v.verb)"
    );
    let rows = transaction.query(&sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn lines(transaction: &Transaction<'_>, sql: &str) -> Vec<String> {
    let rows = transaction.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn relations(transaction: &Transaction<'_>) -> Vec<Relation> {
    let rows = transaction.query(RELATIONS, &[]).await.unwrap();
    rows.iter()
        .map(|row| Relation {
            name: row.get(0),
            kind: row.get(1),
            columns: row.get(2),
        })
        .collect()
}

const RELATIONS: &str = "
    SELECT n.nspname || '.' || c.relname,
        CASE c.relkind WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view' ELSE 'table' END
            || CASE WHEN c.relkind = 'v' THEN
                    CASE WHEN 'security_invoker=true' = ANY (c.reloptions) THEN ' with the rights of who asks'
                        ELSE ' with the rights of its owner' END
                WHEN c.relforcerowsecurity AND c.relrowsecurity THEN ', row security forced'
                WHEN c.relrowsecurity THEN ', row security not for the owner'
                ELSE ', no row security' END
            || ', of ' || c.relowner::regrole::text,
        ARRAY(SELECT a.attname::text FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('public', 'private') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY n.nspname DESC, c.relname";

const POLICY_LINES: &str = "
    SELECT 'policy ' || policyname || ': ' || lower(cmd) || ' to ' || array_to_string(roles, ', ')
        || coalesce(' using ' || qual, '') || coalesce(' check ' || with_check, '')
        || CASE WHEN permissive = 'PERMISSIVE' THEN '' ELSE ' restrictive' END
    FROM pg_policies WHERE schemaname || '.' || tablename = 'RELATION' ORDER BY policyname";

/// What cannot be tried in a line, and nobody should have.
const OTHER_LINES: &str = "
    SELECT rpad(w.role, 13) || ' ' || lower(v.verb)
    FROM (VALUES ('PUBLIC', 'matrix_nobody'), ('anon', 'anon'), ('ingest', 'ingest'), ('service_role', 'service_role'))
        AS w (role, login), unnest(ARRAY['REFERENCES', 'TRIGGER']) AS v (verb)
    WHERE has_table_privilege(w.login, 'RELATION'::regclass, v.verb) OR v.verb = 'REFERENCES'
        AND has_any_column_privilege(w.login, 'RELATION'::regclass, v.verb)
    ORDER BY w.role, v.verb";

const ROLE_LINES: &str = "
    SELECT 'role ' || r.rolname
        || CASE WHEN r.rolcanlogin THEN ' logs in' ELSE ' cannot log in' END
        || CASE WHEN r.rolsuper THEN ', superuser' ELSE '' END
        || CASE WHEN r.rolbypassrls THEN ', bypasses row security' ELSE '' END
        || CASE WHEN r.rolcreaterole THEN ', makes roles' ELSE '' END
        || coalesce(', ' || array_to_string(r.rolconfig, ', '), '')
        || coalesce((SELECT ', member of ' || string_agg(m.roleid::regrole::text, ' ' ORDER BY 1)
            FROM pg_auth_members m WHERE m.member = r.oid), '')
    FROM pg_roles r WHERE r.rolname IN ('anon', 'ingest', 'service_role', 'smoltbot_owner') ORDER BY r.rolname";

const SCHEMA_LINES: &str = "
    SELECT 'schema ' || n.nspname || ':' || string_agg(' ' || w.role
        || CASE WHEN has_schema_privilege(w.login, n.oid, 'CREATE') THEN ' makes things' ELSE ' uses' END, ',' ORDER BY w.role)
    FROM pg_namespace n,
        (VALUES ('PUBLIC', 'matrix_nobody'), ('anon', 'anon'), ('ingest', 'ingest'), ('service_role', 'service_role'))
            AS w (role, login)
    WHERE n.nspname IN ('public', 'private') AND has_schema_privilege(w.login, n.oid, 'USAGE')
    GROUP BY n.nspname ORDER BY n.nspname";

const FUNCTION_LINES: &str = "
    SELECT 'function ' || n.nspname || '.' || p.proname
        || CASE WHEN p.prosecdef THEN ' as its owner' ELSE '' END
        || coalesce(': ' || (SELECT string_agg(w.role, ' ' ORDER BY w.role)
            FROM (VALUES ('PUBLIC', 'matrix_nobody'), ('anon', 'anon'), ('ingest', 'ingest'), ('service_role', 'service_role'))
                AS w (role, login)
            WHERE has_function_privilege(w.login, p.oid, 'EXECUTE')), ': nobody else')
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname IN ('public', 'private') ORDER BY 1";

//! Where settings come from: flag, then environment, then project file, then the user's file, then the default.

use crate::config_file::{self, ConfigFile};
use crate::error::{Exit, Failure, Result};
use crate::output::Format;
use crate::words::{Lang, say, tr};
use std::path::{Path, PathBuf};

/// Every key that a file, the environment (`ZHISUAN_<KEY>`) or a flag may set.
pub(crate) const KEYS: [&str; 8] = [
    "scheduler",
    "gateway",
    "key",
    "operator_key",
    "ca",
    "lang",
    "output",
    "simulated",
];

/// What the command line said; `None` leaves the choice to the next source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) scheduler: Option<String>,
    pub(crate) gateway: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) lang: Option<String>,
    pub(crate) output: Option<String>,
    /// Another user file.
    pub(crate) config: Option<PathBuf>,
    /// The verb writes the user file, so it need not be there yet.
    pub(crate) writes_config: bool,
}

impl Flags {
    fn get(&self, key: &str) -> Option<String> {
        match key {
            "scheduler" => self.scheduler.clone(),
            "gateway" => self.gateway.clone(),
            "key" => self.key.clone(),
            "lang" => self.lang.clone(),
            "output" => self.output.clone(),
            _ => None,
        }
    }
}

/// Who decided a value, in the order of precedence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Flag,
    Env,
    Project(PathBuf),
    User(PathBuf),
    Default,
}

impl Source {
    /// A word for the source, stable in JSON.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Env => "environment",
            Self::Project(_) => "project",
            Self::User(_) => "user",
            Self::Default => "default",
        }
    }

    /// The file behind it, if one is.
    pub(crate) fn file(&self) -> String {
        match self {
            Self::Project(path) | Self::User(path) => path.display().to_string(),
            Self::Flag | Self::Env | Self::Default => String::new(),
        }
    }
}

/// A value with its origin.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    pub(crate) value: String,
    pub(crate) source: Source,
}

/// The settings of one command.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    all: Vec<Setting>,
}

/// Which key a call shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum As {
    /// The tenant's own.
    Tenant,
    /// The operator's, when there is one of the same or a stronger source.
    Operator,
}

impl Settings {
    /// Collects the settings. `env` looks a variable up.
    pub(crate) fn resolve(
        flags: &Flags,
        env: impl Fn(&str) -> Option<String>,
        project: Option<&ConfigFile>,
        user: Option<&ConfigFile>,
    ) -> Result<Self> {
        let find = |key: &'static str| {
            let from_env = || {
                env(&format!("ZHISUAN_{}", key.to_uppercase())).filter(|value| !value.is_empty())
            };
            let of = |file: Option<&ConfigFile>| {
                file.and_then(|file| Some((file.get(key)?.to_owned(), file.path().to_owned())))
            };
            let (value, source) = flags
                .get(key)
                .map(|value| (value, Source::Flag))
                .or_else(|| from_env().map(|value| (value, Source::Env)))
                .or_else(|| of(project).map(|(value, path)| (value, Source::Project(path))))
                .or_else(|| of(user).map(|(value, path)| (value, Source::User(path))))
                .unwrap_or_else(|| (default_of(key).to_owned(), Source::Default));
            Setting { key, value, source }
        };
        let settings = Self {
            all: KEYS.into_iter().map(find).collect(),
        };
        settings.keep_keys_at_home(user)?;
        Ok(settings)
    }

    /// A project file must not send the user's own key to a server that the user did not choose.
    fn keep_keys_at_home(&self, user: Option<&ConfigFile>) -> Result<()> {
        for server in ["scheduler", "gateway"] {
            let setting = self.setting(server);
            let Source::Project(file) = &setting.source else {
                continue;
            };
            let known = user.and_then(|user| user.get(server)) == Some(setting.value.as_str());
            let lent = ["key", "operator_key"].into_iter().any(|key| {
                let key = self.setting(key);
                !key.value.is_empty() && matches!(key.source, Source::User(_))
            });
            if lent && !known {
                return Err(Failure::new(
                    Exit::SignIn,
                    "ZS-CONFIG-FOREIGN-SERVER",
                    say!(
                        "项目文件 {} 把 {} 改成 {},不会把用户文件里的密钥发给它",
                        "the project file {} sets {} to {}; the key of your own file is not sent there",
                        file.display(),
                        server,
                        setting.value
                    ),
                )
                .hint(say!(
                    "确认可信后运行 zhisuan config set {} {}",
                    "if you trust it, run zhisuan config set {} {}",
                    server,
                    setting.value
                )));
            }
        }
        Ok(())
    }

    /// All settings, in the order of [`KEYS`].
    pub(crate) fn all(&self) -> &[Setting] {
        &self.all
    }

    fn setting(&self, key: &str) -> &Setting {
        let index = KEYS.iter().position(|known| *known == key);
        &self.all[index.unwrap_or_default()]
    }

    /// A value by key.
    pub(crate) fn get(&self, key: &str) -> &str {
        &self.setting(key).value
    }

    /// The secret that a call shows.
    pub(crate) fn secret(&self, who: As) -> &str {
        let tenant = self.setting("key");
        let operator = self.setting("operator_key");
        let stronger = operator.source.rank() <= tenant.source.rank() || tenant.value.is_empty();
        let wanted = who == As::Operator || tenant.value.is_empty();
        if wanted && !operator.value.is_empty() && stronger {
            &operator.value
        } else {
            &tenant.value
        }
    }

    /// True when the devices behind the scheduler are simulated. A scheduler that a stronger
    /// source chose is another one, of which the word says nothing.
    pub(crate) fn simulated(&self) -> bool {
        let word = self.setting("simulated");
        word.value == "true" && self.setting("scheduler").source.rank() >= word.source.rank()
    }

    /// Form of results.
    pub(crate) fn format(&self) -> Result<Format> {
        let value = self.get("output");
        Format::parse(value).ok_or_else(|| bad_value("output", value, "table, json, jsonl, name"))
    }

    /// Language of messages.
    pub(crate) fn lang(&self) -> Lang {
        Lang::parse(self.get("lang"))
    }
}

impl Source {
    fn rank(&self) -> u8 {
        match self {
            Self::Flag => 0,
            Self::Env => 1,
            Self::Project(_) => 2,
            Self::User(_) => 3,
            Self::Default => 4,
        }
    }
}

fn default_of(key: &str) -> &'static str {
    match key {
        "scheduler" => "http://127.0.0.1:7600",
        "gateway" => "http://127.0.0.1:7700",
        "lang" => "zh",
        "output" => "table",
        "simulated" => "false",
        _ => "",
    }
}

fn bad_value(key: &str, value: &str, accepted: &str) -> Failure {
    Failure::usage(
        "ZS-CONFIG-VALUE",
        say!(
            "配置 {} 的值 \"{}\" 无效",
            "setting {}: \"{}\" is not valid",
            key,
            value
        ),
    )
    .field(key)
    .hint(say!("可接受:{}", "accepted: {}", accepted))
}

/// Refuses a value that its key cannot take.
pub(crate) fn check_value(key: &str, value: &str) -> Result<()> {
    match key {
        "scheduler" | "gateway"
            if !value.starts_with("http://") && !value.starts_with("https://") =>
        {
            Err(bad_value(key, value, "http://HOST:PORT, https://HOST:PORT"))
        }
        "output" if Format::parse(value).is_none() => {
            Err(bad_value(key, value, "table, json, jsonl, name"))
        }
        "simulated" if !matches!(value, "true" | "false") => {
            Err(bad_value(key, value, "true, false"))
        }
        "lang" if !matches!(value, "zh" | "en") => Err(bad_value(key, value, "zh, en")),
        _ => Ok(()),
    }
}

/// Loads the files and resolves everything.
pub(crate) fn load(flags: &Flags) -> Result<Settings> {
    let env = |name: &str| std::env::var(name).ok();
    let user = match user_path(flags) {
        Some(path) => config_file::read(&path)?,
        None => None,
    };
    if let (Some(path), None, false) = (&flags.config, &user, flags.writes_config) {
        return Err(Failure::usage(
            "ZS-CONFIG-READ",
            say!("没有配置文件 {}", "there is no file {}", path.display()),
        )
        .field("config"));
    }
    let here = std::env::current_dir()?;
    let project = config_file::find_project(&here)?;
    let settings = Settings::resolve(flags, env, project.as_ref(), user.as_ref())?;
    for setting in settings.all() {
        if setting.source != Source::Default {
            check_value(setting.key, &setting.value)?;
        }
    }
    Ok(settings)
}

/// The user's file: `--config`, `ZHISUAN_CONFIG`, or the platform's config folder.
pub(crate) fn user_path(flags: &Flags) -> Option<PathBuf> {
    let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    flags
        .config
        .clone()
        .or_else(|| var("ZHISUAN_CONFIG").map(PathBuf::from))
        .or_else(|| {
            let folder = var("XDG_CONFIG_HOME").map(PathBuf::from);
            let home = || var("HOME").map(|home| Path::new(&home).join(".config"));
            Some(folder.or_else(home)?.join("zhisuan/config.toml"))
        })
}

/// Says that the machine has no home for the user's file.
pub(crate) fn no_user_path() -> Failure {
    Failure::usage(
        "ZS-CONFIG-HOME",
        tr(
            "找不到用户配置文件夹:HOME 和 XDG_CONFIG_HOME 都没有设置",
            "no folder for the user's file: neither HOME nor XDG_CONFIG_HOME is set",
        ),
    )
    .hint(tr("用 --config FILE 指定", "name one with --config FILE"))
}

//! `fleet completions`

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::cli::tree::Cli;

/// Print completions for a shell
///
/// Commands, flags and values; in bash, zsh, fish and powershell also the ids of open tasks (`T-`
/// Tab) and the names of saved queries (`@` Tab), read from the repository when you press Tab.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet completions bash > ~/.local/share/bash-completion/completions/fleet
  fleet completions zsh > ~/.zfunc/_fleet
  fleet completions fish > ~/.config/fish/completions/fleet.fish
  fleet completions powershell >> $PROFILE")]
pub struct Args {
    /// Which shell
    shell: Shell,
}

/// Ids begin with `T-` and queries with `@`: whatever is typed so is completed from the repository.
const BASH: &str = r#"
_fleet_dynamic() {
    local word="${COMP_WORDS[COMP_CWORD]}" kind=""
    case "$word" in
        T-*) kind=tasks ;;
        @*) kind=queries ;;
    esac
    if [[ -n $kind ]]; then
        local IFS=$'\n'
        COMPREPLY=($(fleet complete "$kind" "$word" 2>/dev/null | cut -f1))
    else
        _fleet "$@"
    fi
}
complete -F _fleet_dynamic -o bashdefault -o default fleet
"#;

const ZSH: &str = r#"
_fleet_dynamic() {
    local kind="" line
    local -a found
    case "$PREFIX" in
        T-*) kind=tasks ;;
        @*) kind=queries ;;
    esac
    if [[ -n $kind ]]; then
        while IFS=$'\t' read -r name what; do
            found+=("${name//:/\\:}:$what")
        done < <(fleet complete "$kind" "$PREFIX" 2>/dev/null)
        _describe 'fleet' found
    else
        _fleet "$@"
    fi
}
compdef _fleet_dynamic fleet
"#;

const FISH: &str = r#"
complete -c fleet -n 'string match -q "T-*" -- (commandline -ct)' -f -a '(fleet complete tasks (commandline -ct) 2>/dev/null)'
complete -c fleet -n 'string match -q "@*" -- (commandline -ct)' -f -a '(fleet complete queries (commandline -ct) 2>/dev/null)'
"#;

const POWERSHELL: &str = r#"
Register-ArgumentCompleter -Native -CommandName 'fleet' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $kind = if ($wordToComplete -like 'T-*') { 'tasks' } elseif ($wordToComplete -like '@*') { 'queries' }
    if ($kind) {
        fleet complete $kind $wordToComplete 2>$null | ForEach-Object {
            $name, $what = $_ -split "`t", 2
            if (-not $what) { $what = $name }
            [System.Management.Automation.CompletionResult]::new($name, $name, 'ParameterValue', $what)
        }
    } else {
        & $fleetStaticCompleter $wordToComplete $commandAst $cursorPosition
    }
}
"#;

/// Runs it.
///
/// # Errors
/// Stdout refuses.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "fleet", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let text = match args.shell {
        Shell::Bash => script + BASH,
        Shell::Zsh => script + ZSH,
        Shell::Fish => script + FISH,
        Shell::PowerShell => powershell(&script),
        _ => script,
    };
    session.text(&text)?;
    Ok(Exit::Ok)
}

/// PowerShell has one completer for a program: the static one becomes a value that ours calls.
fn powershell(script: &str) -> String {
    let begin = "Register-ArgumentCompleter -Native -CommandName 'fleet' -ScriptBlock {";
    script.replacen(begin, "$fleetStaticCompleter = {", 1) + POWERSHELL
}

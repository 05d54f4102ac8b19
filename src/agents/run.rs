//! One run from request to outcome.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::agents::command::{self, CommandParser};
use crate::agents::journal::{Journal, scrub};
use crate::agents::lines::{Line, Tail, clip};
use crate::agents::outbox::Outbox;
use crate::agents::process::{self, Ended, Limits, Sink, Spec, Stop, Stream};
use crate::agents::reading::{MAX_FINAL_BYTES, Parser, Reading, fail, verdict};
use crate::agents::{Setup, cli, confine, environment};
use crate::domain::policy::{AgentKind, VerifyCommand};
use crate::domain::session::{FailureClass, VerifyResult};
use crate::ports::lease::Lease;
use crate::ports::runner::{AgentEvent, Cancel, RunEnd, RunOutcome, RunRequest};
use crate::ports::sandbox::Confinement;

/// After so many events of a run only money, errors and the end are passed on.
const MAX_EVENTS: u32 = 5000;
/// End of a check's output that is kept.
const VERIFY_TAIL_BYTES: usize = 4096;
/// End of standard error that is kept for the reason.
const STDERR_TAIL_BYTES: usize = 2048;

/// A program to start and how to read it.
pub(crate) struct Launch {
    /// Absolute path.
    pub(crate) program: PathBuf,
    /// Arguments.
    pub(crate) args: Vec<OsString>,
    /// The whole environment.
    pub(crate) env: BTreeMap<String, OsString>,
    /// File for standard input.
    pub(crate) stdin: Option<PathBuf>,
    /// Reads its output.
    pub(crate) parser: Box<dyn Parser>,
}

/// Runs an agent to its end.
pub(crate) fn agent(
    setup: &Setup,
    lease: &Lease,
    request: &RunRequest,
    events: &mut dyn FnMut(AgentEvent),
    cancel: &Cancel,
) -> RunOutcome {
    let begun = Instant::now();
    let launch = match prepare(setup, lease, request) {
        Ok(launch) => launch,
        Err(reason) => return not_started(setup, request, reason, begun),
    };
    let limits = Limits {
        idle: request.agent.idle_timeout.std(),
        total: request.agent.total_timeout.std(),
        max_output: request.agent.max_output_bytes,
        grace: setup.manners.grace,
        linger: setup.manners.linger,
    };
    let session = lease.session().to_string();
    let spec = Spec {
        program: launch.program,
        args: launch.args,
        env: launch.env,
        cwd: request.workdir.clone(),
        stdin: launch.stdin,
        merged: false,
        limits,
        wrapped: false,
        run: session.clone(),
    };
    let walled = match confine::wall(setup, request, request.agent.network, spec) {
        Ok(walled) => walled,
        Err(reason) => return not_started(setup, request, reason, begun),
    };
    let mut reader = Reader {
        setup,
        parser: launch.parser,
        reading: Reading {
            model: request.model.clone(),
            ..Reading::default()
        },
        stderr: Tail::new(STDERR_TAIL_BYTES),
        journal: Journal::open(&request.journal, session, &request.task),
        outbox: Outbox::new(request.outbox.clone()),
        events,
        passed: 0,
        confinement: walled.confinement,
    };
    match process::run(&walled.spec, cancel, &mut reader) {
        Ok(ended) => reader.outcome(request, &ended),
        Err(e) => {
            let program = walled.spec.program.display();
            not_started(
                setup,
                request,
                format!("cannot start {program}: {e}"),
                begun,
            )
        }
    }
}

fn prepare(setup: &Setup, lease: &Lease, request: &RunRequest) -> Result<Launch, String> {
    if !request.workdir.is_dir() {
        return Err(format!(
            "the workspace {} is not there",
            request.workdir.display()
        ));
    }
    environment::prepare(request)?;
    environment::fresh_outbox(&request.outbox)?;
    let env = environment::build(&setup.env, lease, request);
    let values = command::placeholders(request);
    let extra = request.agent.args.iter();
    match &request.agent.kind {
        AgentKind::Command { argv, prompt_stdin } => {
            let (first, rest) = argv.split_first().ok_or("the agent's `argv` is empty")?;
            Ok(Launch {
                program: environment::find_program(first, &setup.env, Some(&request.workdir))?,
                args: rest
                    .iter()
                    .chain(extra)
                    .map(|a| command::fill(a, &values).into())
                    .collect(),
                env,
                stdin: prompt_stdin.then(|| request.prompt_file.clone()),
                parser: Box::new(CommandParser),
            })
        }
        AgentKind::Cli { cli, program } => {
            let name = program.as_deref().unwrap_or(cli.name());
            let mut launch = Launch {
                program: environment::find_program(name, &setup.env, Some(&request.workdir))?,
                args: Vec::new(),
                env,
                stdin: Some(request.prompt_file.clone()),
                parser: Box::new(CommandParser),
            };
            let fresh = setup.ids.record(setup.clock.now()).to_string();
            cli::complete(*cli, request, &fresh, &mut launch)?;
            Ok(launch)
        }
        AgentKind::Demo => Ok(Launch {
            program: setup.exe.clone(),
            args: std::iter::once(crate::agents::demo::SUBCOMMAND.into())
                .chain(extra.map(OsString::from))
                .collect(),
            env,
            stdin: None,
            parser: Box::new(CommandParser),
        }),
    }
}

/// The outcome of a run that never began: nobody's attempt failed but the machine's.
fn not_started(setup: &Setup, request: &RunRequest, reason: String, begun: Instant) -> RunOutcome {
    RunOutcome {
        end: fail(FailureClass::Infrastructure, (setup.redact)(&reason)),
        agent_session: None,
        model: request.model.clone(),
        usage: Default::default(),
        cost: None,
        final_message: String::new(),
        duration_ms: millis(begun.elapsed()),
        output_bytes: 0,
        sandbox: String::new(),
        outbox: Vec::new(),
    }
}

/// Turns lines into events and keeps what the outcome needs.
struct Reader<'a> {
    setup: &'a Setup,
    parser: Box<dyn Parser>,
    reading: Reading,
    stderr: Tail,
    journal: Journal,
    outbox: Outbox,
    events: &'a mut dyn FnMut(AgentEvent),
    passed: u32,
    confinement: Confinement,
}

impl Sink for Reader<'_> {
    fn line(&mut self, stream: Stream, line: Line<'_>) {
        self.reading.now = self.setup.clock.now();
        let text = line.text();
        match stream {
            Stream::Out if line.lost > 0 => {
                let all = line.bytes.len() as u64 + line.lost;
                self.reading
                    .status(&format!("a line of {all} bytes was too long to be read"));
            }
            Stream::Out => self.parser.line(&text, &mut self.reading),
            Stream::Err => {
                self.stderr.push(line.bytes);
                self.parser.chatter(&text, &mut self.reading);
            }
        }
        self.pass_on();
    }

    fn is_over(&mut self) -> bool {
        let news = self.outbox.news();
        if !news.is_empty() {
            self.reading.events.extend(news);
            self.pass_on();
        }
        self.reading.terminal.is_some()
    }
}

impl Reader<'_> {
    fn pass_on(&mut self) {
        for event in std::mem::take(&mut self.reading.events) {
            let matters = matches!(
                event,
                AgentEvent::SessionStarted { .. }
                    | AgentEvent::Usage { .. }
                    | AgentEvent::SessionFinished { .. }
            );
            self.passed += 1;
            let event = match self.passed.cmp(&MAX_EVENTS) {
                std::cmp::Ordering::Less => event,
                _ if matters => event,
                std::cmp::Ordering::Equal => AgentEvent::Status {
                    text: "it says a great deal; what follows is not shown".to_owned(),
                },
                std::cmp::Ordering::Greater => continue,
            };
            let event = scrub(event, &self.setup.redact);
            self.journal.write(self.setup.clock.now(), &event);
            (self.events)(event);
        }
    }

    fn outcome(mut self, request: &RunRequest, ended: &Ended) -> RunOutcome {
        self.reading.now = self.setup.clock.now();
        self.parser.ended(&mut self.reading);
        self.reading.events.extend(self.outbox.look());
        let stderr = self.stderr.text();
        let end = verdict(
            &request.agent,
            self.parser.as_ref(),
            &self.reading,
            ended,
            &stderr,
        );
        if ended.stragglers > 0 {
            let n = ended.stragglers;
            let what = if n == 1 { "process" } else { "processes" };
            self.reading.status(&format!(
                "{n} {what} outlived the agent and had to be ended"
            ));
        }
        if ended.lingered {
            self.reading
                .status("it did not end after its final event and was ended");
        }
        let redact = &self.setup.redact;
        let end = match end {
            RunEnd::Completed => RunEnd::Completed,
            RunEnd::Failed {
                class,
                reason,
                retry_at,
            } => RunEnd::Failed {
                class,
                reason: redact(&reason),
                retry_at,
            },
        };
        let summary = match &end {
            RunEnd::Completed => "completed".to_owned(),
            RunEnd::Failed { class, reason, .. } => format!("{class}: {reason}"),
        };
        self.reading
            .events
            .push(AgentEvent::finished(summary, end == RunEnd::Completed));
        self.passed = self.passed.min(MAX_EVENTS);
        self.pass_on();
        let reading = self.reading;
        RunOutcome {
            end,
            agent_session: reading.agent_session,
            model: reading.model,
            usage: reading.usage,
            cost: reading.cost,
            final_message: clip(&redact(&reading.final_message), MAX_FINAL_BYTES),
            duration_ms: millis(ended.duration),
            output_bytes: ended.output_bytes,
            sandbox: self.confinement.to_string(),
            outbox: environment::read_outbox(&request.outbox),
        }
    }
}

/// Runs one check: the same environment and limits as an agent, its own timeout, no input.
pub(crate) fn check(
    setup: &Setup,
    lease: &Lease,
    request: &RunRequest,
    command: &VerifyCommand,
    cancel: &Cancel,
) -> VerifyResult {
    let begun = Instant::now();
    let name = command.argv.join(" ");
    let broken = |why: String, exit: Option<i32>| VerifyResult {
        command: name.clone(),
        exit,
        duration_ms: millis(begun.elapsed()),
        tail: (setup.redact)(&why),
    };
    let prepared = (|| {
        let (first, rest) = command
            .argv
            .split_first()
            .ok_or("the `verify` command is empty")?;
        environment::prepare(request)?;
        let program = environment::find_program(first, &setup.env, Some(&request.workdir))?;
        Ok::<_, String>(Spec {
            program,
            args: rest.iter().map(OsString::from).collect(),
            env: environment::build(&setup.env, lease, request),
            cwd: request.workdir.clone(),
            stdin: None,
            merged: true,
            limits: Limits {
                idle: command.timeout.std(),
                total: command.timeout.std(),
                max_output: request.agent.max_output_bytes,
                grace: setup.manners.grace,
                linger: setup.manners.linger,
            },
            wrapped: false,
            run: lease.session().to_string(),
        })
    })();
    let walled = match prepared.and_then(|s| confine::wall(setup, request, command.network, s)) {
        Ok(walled) => walled,
        Err(why) => return broken(why, None),
    };
    let mut keeper = Keeper(Tail::new(2 * VERIFY_TAIL_BYTES));
    let ended = match process::run(&walled.spec, cancel, &mut keeper) {
        Ok(ended) => ended,
        Err(e) => return broken(format!("cannot start it: {e}"), None),
    };
    let stopped = match ended.stopped {
        None => String::new(),
        Some(Stop::Idle | Stop::Total) => {
            format!("\n[stopped: ran longer than {} ms]", command.timeout.0)
        }
        Some(Stop::Output) => "\n[stopped: printed too much]".to_owned(),
        Some(Stop::Cancelled) => "\n[stopped on request]".to_owned(),
    };
    // A program that we stopped may still have exited 0 on its way out: that is no pass.
    let exit = ended.code.filter(|_| ended.stopped.is_none());
    let tail = if exit == Some(0) {
        String::new()
    } else {
        let text = (setup.redact)(&format!("{}{stopped}", keeper.0.text()));
        last_bytes(&text, VERIFY_TAIL_BYTES).to_owned()
    };
    VerifyResult {
        command: name,
        exit,
        duration_ms: millis(ended.duration),
        tail,
    }
}

/// Keeps the end of everything.
struct Keeper(Tail);

impl Sink for Keeper {
    fn line(&mut self, _stream: Stream, line: Line<'_>) {
        self.0.push(line.bytes);
    }

    fn is_over(&mut self) -> bool {
        false
    }
}

fn last_bytes(text: &str, max: usize) -> &str {
    let mut from = text.len().saturating_sub(max);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

//! One run from request to outcome.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::agents::command::{self, CommandParser};
use crate::agents::journal::Journal;
use crate::agents::lines::{Line, Tail, clip};
use crate::agents::outbox::Outbox;
use crate::agents::process::{self, Ended, Limits, Sink, Spec, Stream};
use crate::agents::reading::{MAX_FINAL_BYTES, Parser, Reading, fail, verdict};
use crate::agents::telling::Telling;
use crate::agents::{Setup, api, cli, confine, environment};
use crate::domain::policy::AgentKind;
use crate::domain::session::FailureClass;
use crate::ports::lease::Lease;
use crate::ports::runner::{AgentEvent, Cancel, RunEnd, RunOutcome, RunRequest};
use crate::ports::sandbox::Confinement;

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
    if let AgentKind::Api { provider, bounds } = &request.agent.kind {
        return api::agent(setup, lease, request, (provider, bounds), events, cancel);
    }
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
    let journal = Journal::open(&request.journal, session, &request.task);
    let mut reader = Reader {
        setup,
        parser: launch.parser,
        reading: Reading {
            model: request.model.clone(),
            ..Reading::default()
        },
        stderr: Tail::new(STDERR_TAIL_BYTES),
        telling: Telling::new(setup, journal, events),
        outbox: Outbox::new(request.outbox.clone()),
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
        AgentKind::Api { .. } => Err("the built-in agent is no program".to_owned()),
        AgentKind::Demo => Ok(Launch {
            program: setup.exe.clone(),
            args: std::iter::once(crate::agents::demo::SUBCOMMAND.into())
                .chain(extra.map(OsString::from))
                .collect(),
            env,
            stdin: None,
            parser: Box::new(CommandParser),
        }),
        // The tick takes these another way.
        AgentKind::Session { .. } => Err("a service runs it, no process of this machine".into()),
    }
}

/// The outcome of a run that never began: nobody's attempt failed but the machine's.
pub(crate) fn not_started(
    setup: &Setup,
    request: &RunRequest,
    reason: String,
    begun: Instant,
) -> RunOutcome {
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
    telling: Telling<'a>,
    outbox: Outbox,
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
            self.telling.tell(event);
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

pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

//! Issues in memory: people who write, label, edit and comment, and a clock that ticks in whole
//! seconds. The real ones are tested by the forge's own stories.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use fleet::domain::time::Timestamp;
use fleet::machine::clock::SystemClock;
use fleet::ports::clock::Clock as _;
use fleet::ports::forge::{ForgeError, ForgeRemark, ForgeSaying};
use fleet::ports::tickets::{
    Asked, TextAge, Ticket, TicketAct, TicketQuery, TicketState, Tickets, TicketsSeen,
};

#[derive(Debug, Default)]
pub(crate) struct Inner {
    tickets: BTreeMap<u64, Ticket>,
    writers: BTreeSet<String>,
    now_s: u64,
    said: u64,
    /// What `tickets` and `may_write` answer from now on.
    pub(crate) trouble: Option<ForgeError>,
    pub(crate) rights_trouble: Option<ForgeError>,
    pub(crate) settled: Vec<ForgeSaying>,
    pub(crate) opened: Vec<(String, String, String)>,
    /// Calls: looks, questions about rights.
    pub(crate) looks: usize,
    pub(crate) asked_for: Vec<String>,
}

impl Inner {
    /// Time passes.
    pub(crate) fn forward(&mut self, seconds: u64) {
        self.now_s += seconds;
    }

    /// Says that a label was taken off at another time.
    pub(crate) fn label_taken_at(&mut self, number: u64, second: u64) {
        let acts = &mut self.tickets.get_mut(&number).unwrap().acts;
        for act in acts.iter_mut().filter(|act| !act.put) {
            act.at = Timestamp(second * 1_000);
        }
    }
}

/// A shared handle on them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Issues(Arc<Mutex<Inner>>);

impl Issues {
    /// Issues of a repository to which these people may write.
    pub(crate) fn of(writers: &[&str]) -> Self {
        let issues = Self::default();
        issues.with(|inner| {
            inner.writers = writers.iter().map(|&w| w.to_owned()).collect();
            // Long after the clock of the tests began, so that nothing happens before it.
            inner.now_s = 1_000;
        });
        issues
    }

    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.0.lock().unwrap())
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut Ticket, Timestamp)) {
        self.with(|inner| {
            inner.now_s += 1;
            let now = Timestamp(inner.now_s * 1_000);
            let ticket = inner.tickets.get_mut(&number).unwrap();
            change(ticket, now);
            ticket.updated = now;
        });
    }

    /// `by` opens an issue; its number.
    pub(crate) fn open(&self, by: &str, title: &str, body: &str) -> u64 {
        self.with(|inner| {
            inner.now_s += 1;
            let number = inner.tickets.keys().max().copied().unwrap_or(10) + 1;
            let now = Timestamp(inner.now_s * 1_000);
            let ticket = Ticket {
                number,
                key: format!("desk:issue:{}", 7_000 + number),
                reference: format!("desk:octo/hello#{number}"),
                url: format!("https://forge.example/issues/{number}"),
                title: title.to_owned(),
                body: body.to_owned(),
                author: by.to_owned(),
                state: TicketState::Open,
                labels: Vec::new(),
                text: TextAge::Unedited(now),
                acts: Vec::new(),
                said: Vec::new(),
                insiders: Vec::new(),
                closed_by: None,
                updated: now,
            };
            inner.tickets.insert(number, ticket);
            number
        })
    }

    pub(crate) fn label(&self, number: u64, by: &str, label: &str) {
        self.change(number, |ticket, at| {
            ticket.labels.push(label.to_owned());
            ticket.acts.push(TicketAct {
                by: Some(by.to_owned()),
                at,
                label: label.to_owned(),
                put: true,
            });
        });
    }

    pub(crate) fn unlabel(&self, number: u64, by: &str, label: &str) {
        self.change(number, |ticket, at| {
            ticket.labels.retain(|l| l != label);
            ticket.acts.push(TicketAct {
                by: Some(by.to_owned()),
                at,
                label: label.to_owned(),
                put: false,
            });
        });
    }

    /// An issue of `ann`, a writer, handed over by herself.
    pub(crate) fn handed(&self, title: &str, body: &str) -> u64 {
        let number = self.open("ann", title, body);
        self.label(number, "ann", "fleet");
        number
    }

    pub(crate) fn edit(&self, number: u64, body: &str) {
        self.change(number, |ticket, at| {
            ticket.body = body.to_owned();
            ticket.text = TextAge::Edited(at);
        });
    }

    pub(crate) fn comment(&self, number: u64, by: &str, text: &str) {
        let id = self.with(|inner| {
            inner.said += 1;
            inner.said
        });
        // Questions bear the time of the machine; they are answered after that.
        let answers = text.starts_with("/fleet answer");
        self.change(number, |ticket, at| {
            let at = if answers { SystemClock.now() } else { at };
            ticket.said.push(ForgeRemark {
                key: format!("comment:{id}"),
                by: by.to_owned(),
                text: text.to_owned(),
                at,
            });
        });
    }

    pub(crate) fn close(&self, number: u64, how: TicketState) {
        self.close_by(number, "ann", how);
    }

    pub(crate) fn close_by(&self, number: u64, by: &str, how: TicketState) {
        self.change(number, |ticket, _| {
            ticket.state = how;
            ticket.closed_by = Some(by.to_owned());
        });
    }

    pub(crate) fn remove(&self, number: u64) {
        self.with(|inner| inner.tickets.remove(&number));
    }

    /// The forge does not tell when texts were edited.
    pub(crate) fn forget_ages(&self) {
        self.with(|inner| {
            for ticket in inner.tickets.values_mut() {
                ticket.text = TextAge::Unknown;
            }
        });
    }

    /// Keys of last words, in order.
    pub(crate) fn settled(&self) -> Vec<u64> {
        self.with(|inner| inner.settled.iter().map(|saying| saying.number).collect())
    }
}

impl Tickets for Issues {
    fn place(&self) -> String {
        "desk:octo/hello".to_owned()
    }

    fn tickets(&self, query: &TicketQuery) -> Result<TicketsSeen, ForgeError> {
        self.with(|inner| {
            inner.looks += 1;
            if let Some(trouble) = &inner.trouble {
                return Err(trouble.clone());
            }
            let wanted = |ticket: &&Ticket| {
                let listed =
                    ticket.state == TicketState::Open && ticket.labels.contains(&query.label);
                listed || query.also.contains(&ticket.number)
            };
            let missing = |number: &&u64| !inner.tickets.contains_key(number);
            Ok(TicketsSeen {
                tickets: inner.tickets.values().filter(wanted).cloned().collect(),
                gone: query.also.iter().filter(missing).copied().collect(),
                cut: None,
            })
        })
    }

    fn may_write(&self, person: &str) -> Result<bool, ForgeError> {
        self.with(|inner| {
            inner.asked_for.push(person.to_owned());
            match &inner.rights_trouble {
                Some(trouble) => Err(trouble.clone()),
                None => Ok(inner.writers.contains(person)),
            }
        })
    }

    fn ask(&self, title: &str, text: &str, key: &str) -> Result<Asked, ForgeError> {
        let known = self.with(|inner| inner.opened.iter().position(|(_, _, k)| k == key));
        let number = match known {
            Some(at) => 500 + at as u64,
            None => {
                let number = 500 + self.with(|inner| inner.opened.len()) as u64;
                self.with(|inner| {
                    inner
                        .opened
                        .push((title.to_owned(), text.to_owned(), key.to_owned()));
                });
                let opened = self.open("fleet", title, text);
                self.with(|inner| {
                    let mut ticket = inner.tickets.remove(&opened).unwrap();
                    ticket.number = number;
                    ticket.key = format!("desk:issue:{}", 7_000 + number);
                    inner.tickets.insert(number, ticket);
                });
                number
            }
        };
        let url = Some(format!("https://forge.example/issues/{number}"));
        Ok(Asked { number, url })
    }

    fn settle(&self, last: &ForgeSaying) -> Result<Option<String>, ForgeError> {
        self.close(last.number, TicketState::Done);
        self.with(|inner| {
            if !inner.settled.iter().any(|old| old.key == last.key) {
                inner.settled.push(last.clone());
            }
        });
        Ok(Some(format!("https://forge.example/said/{}", last.key)))
    }
}

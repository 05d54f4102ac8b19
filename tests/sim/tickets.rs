//! Tickets: people and strangers ask for work at the forge, and only the word of those who may write
//! counts.

use fleet::domain::ids::TaskUid;
use fleet::domain::state::State;
use fleet::domain::time::Timestamp;
use fleet::ports::forge::{ForgeError, ForgeSaying};
use fleet::ports::tickets::{
    Asked, TextAge, Ticket, TicketAct, TicketQuery, TicketState, Tickets, TicketsSeen,
};

use crate::sim::agent::PART;
use crate::sim::process::Process;
use crate::sim::reviews::unreachable_forge;
use crate::sim::world::Sim;

const PLACE: &str = "forge:owner/name";
const LABEL: &str = "fleet";

/// All tickets, and what was said on them, by number and key.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    all: Vec<Ticket>,
    said: Vec<(u64, String)>,
    /// Questions of fleet's own, by key.
    asked: Vec<(String, u64)>,
}

impl Desk {
    fn open(&mut self, author: &str, title: String, now: Timestamp) -> u64 {
        let number = 1_000 + self.all.len() as u64;
        self.all.push(Ticket {
            number,
            key: format!("ticket-{number}"),
            reference: format!("{PLACE}#{number}"),
            url: format!("https://forge.example/{number}"),
            title,
            body: "As soon as you can.".to_owned(),
            author: author.to_owned(),
            state: TicketState::Open,
            labels: Vec::new(),
            text: TextAge::Unedited(now),
            acts: Vec::new(),
            said: Vec::new(),
            insiders: Vec::new(),
            closed_by: None,
            updated: now,
        });
        number
    }

    fn get(&mut self, number: u64) -> Option<&mut Ticket> {
        self.all.iter_mut().find(|ticket| ticket.number == number)
    }
}

impl Sim {
    /// Somebody opens a ticket, puts the label on one, or changes what one says.
    pub(crate) fn ticket(&self) {
        let now = self.now();
        let who = *self.pick(&["mia", "mia", "stranger"]);
        let what = self.below(3);
        let mut desk = self.desk.lock().unwrap();
        if desk.all.is_empty() || what == 0 {
            let n = desk.all.len();
            let number = desk.open(who, format!("Please do it, {n}"), now);
            self.tell(|| format!("{who} opens ticket #{number}"));
            self.count("tickets");
            return;
        }
        let at = self.below(desk.all.len());
        let ticket = &mut desk.all[at];
        let number = ticket.number;
        ticket.updated = now;
        if what == 1 {
            if !ticket.labels.iter().any(|label| label == LABEL) {
                ticket.labels.push(LABEL.to_owned());
            }
            ticket.acts.push(TicketAct {
                by: Some(who.to_owned()),
                at: now,
                label: LABEL.to_owned(),
                put: true,
            });
            self.tell(|| format!("{who} labels ticket #{number}"));
        } else {
            ticket.body = format!("{} And this, {}.", ticket.body, now.0);
            ticket.text = TextAge::Edited(now);
            self.tell(|| format!("{who} edits ticket #{number}"));
        }
    }

    /// Whether a ticket's text was handed over by nobody who may: its task must not run.
    pub(crate) fn is_unproven(&self, state: &State, task: TaskUid) -> bool {
        if self.admitted.lock().unwrap().contains(&task) {
            return false;
        }
        let what = &state.tasks[&task];
        // What an agent proposed waits for a person, always.
        if what.title.value.starts_with(PART) {
            return true;
        }
        let reference = what.details.external_ref.value.as_deref();
        let desk = self.desk.lock().unwrap();
        let ticket = desk
            .all
            .iter()
            .find(|t| Some(t.reference.as_str()) == reference);
        ticket.is_some_and(|ticket| {
            let by_mia = |act: &TicketAct| act.by.as_deref() == Some("mia") && act.put;
            !ticket.acts.iter().any(by_mia)
        })
    }
}

impl Process<'_> {
    fn asks(&self) -> Result<(), ForgeError> {
        self.uses_a_right("a question about tickets");
        if self.sim.fault(50, "forge silences") {
            return Err(unreachable_forge());
        }
        Ok(())
    }
}

impl Tickets for Process<'_> {
    fn place(&self) -> String {
        PLACE.to_owned()
    }

    fn tickets(&self, query: &TicketQuery) -> Result<TicketsSeen, ForgeError> {
        self.around("read tickets", || {
            self.asks()?;
            let desk = self.sim.desk.lock().unwrap();
            let wanted = desk.all.iter().filter(|ticket| {
                let open = ticket.state == TicketState::Open;
                let labelled = ticket.labels.contains(&query.label);
                open && labelled || query.also.contains(&ticket.number)
            });
            Ok(TicketsSeen {
                tickets: wanted.cloned().collect(),
                gone: Vec::new(),
                cut: None,
            })
        })
    }

    fn may_write(&self, person: &str) -> Result<bool, ForgeError> {
        self.around("ask for rights", || {
            self.asks()?;
            Ok(person == "mia")
        })
    }

    fn ask(&self, title: &str, body: &str, key: &str) -> Result<Asked, ForgeError> {
        self.sim.goes_out("a ticket's title", title);
        self.sim.goes_out("a ticket", body);
        self.around("open a ticket", || {
            self.asks()?;
            let mut desk = self.sim.desk.lock().unwrap();
            let known = desk.asked.iter().find(|(known, _)| known == key);
            let number = match known {
                Some((_, number)) => *number,
                None => {
                    let number = desk.open("fleet", title.to_owned(), self.sim.now());
                    desk.asked.push((key.to_owned(), number));
                    number
                }
            };
            drop(desk);
            self.asks()?;
            Ok(Asked { number, url: None })
        })
    }

    fn settle(&self, last: &ForgeSaying) -> Result<Option<String>, ForgeError> {
        self.sim.goes_out("the last word on a ticket", &last.text);
        self.around("close a ticket", || {
            self.asks()?;
            let mut desk = self.sim.desk.lock().unwrap();
            let word = (last.number, last.key.clone());
            if !desk.said.contains(&word) {
                desk.said.push(word);
            }
            if let Some(ticket) = desk.get(last.number) {
                ticket.state = TicketState::Done;
            }
            drop(desk);
            self.asks()?;
            Ok(None)
        })
    }
}

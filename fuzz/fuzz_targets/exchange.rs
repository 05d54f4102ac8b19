#![no_main]
fleet_fuzz::target!("exchange");

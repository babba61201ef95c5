//! The terminal: reads keys, draws screens, and restores it at the end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use pmoe_results::ResultsError;
use pmoe_results::error::with_causes;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::app::App;
use crate::draw::draw;
use crate::job::Jobs;
use crate::theme::Theme;
use crate::watcher::{Wanted, Watcher};

/// Longest time until a signal is noticed.
const SIGNAL_CHECK: Duration = Duration::from_millis(200);

/// Why watching ended.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The folder can't be read.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The terminal can't be used.
    #[error("cannot use the terminal")]
    Terminal(#[from] io::Error),
}

/// Returns what the queue of a cluster says of the runs, if that is new, or why it can't be asked.
///
/// It is called in each refresh and must not wait for the queue.
pub type AskQueue<'a> = dyn FnMut() -> Option<Result<Jobs, String>> + 'a;

/// Shows a folder until the user quits or a signal ends the program; reads it every `interval`.
///
/// `queue` is where jobs come from; without a cluster, `&mut || None`.
///
/// The terminal is restored at the end, even after a panic.
///
/// # Errors
/// Returns an error if the folder can't be listed at the start, or the terminal fails.
pub fn watch(
    mut watcher: Watcher,
    interval: Duration,
    theme: Theme,
    queue: &mut AskQueue<'_>,
) -> Result<(), WatchError> {
    let stop = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    signal_hook::flag::register(signal_hook::consts::SIGHUP, stop.clone())?;
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    // Before the terminal changes, so that the shell shows the error.
    take_jobs(&mut watcher, queue);
    let wanted = Wanted::Runs(&[].into());
    let mut app = App::new(watcher.refresh(SystemTime::now(), wanted)?);
    // Only now is it known whose curves are shown.
    refresh(&mut app, &mut watcher, queue);
    #[cfg(unix)]
    std::thread::Builder::new().spawn(exit_on_hang_up)?;
    let mut terminal = ratatui::try_init()?;
    let result = run(&mut terminal, &mut app, &mut watcher, queue, interval, theme, &stop);
    ratatui::restore();
    match result {
        // The terminal is gone, as the signal shows.
        Err(_) if stop.load(Ordering::Relaxed) => Ok(()),
        result => Ok(result?),
    }
}

/// Ends the program when the terminal is gone, for instance when a connection drops.
///
/// Waiting for keys would never end then, because the terminal library reads the end of its input
/// over and over. There is nothing left to restore.
#[cfg(unix)]
fn exit_on_hang_up() {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::Errno;

    let terminal = io::stdout();
    let mut watched = [PollFd::new(&terminal, PollFlags::empty())];
    // Without flags, `poll` only reports what it always reports: an error or a hang-up.
    while poll(&mut watched, None).is_err_and(|error| error == Errno::INTR) {}
    if watched[0].revents().intersects(PollFlags::HUP | PollFlags::ERR) {
        std::process::exit(0);
    }
}

fn run(
    terminal: &mut DefaultTerminal,
    app: &mut App,
    watcher: &mut Watcher,
    queue: &mut AskQueue<'_>,
    interval: Duration,
    theme: Theme,
    stop: &AtomicBool,
) -> io::Result<()> {
    let mut refreshed = Instant::now();
    loop {
        terminal.draw(|frame| draw(frame, app, theme))?;
        // Wait for a key, a new size or the next refresh.
        loop {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let left = interval.saturating_sub(refreshed.elapsed());
            if left.is_zero() {
                refresh(app, watcher, queue);
                refreshed = Instant::now();
                break;
            }
            if !event::poll(left.min(SIGNAL_CHECK))? {
                continue;
            }
            match event::read()? {
                Event::Key(key) if key.kind == KeyEventKind::Press => {
                    if !app.press(key) {
                        return Ok(());
                    }
                    // The runs on screen now may not have been read yet.
                    if watcher.has_unread(&app.wanted()) {
                        refresh(app, watcher, queue);
                    }
                    break;
                }
                Event::Resize(..) => break,
                _ => {}
            }
        }
    }
}

/// Takes a new snapshot; the previous one stays if the folder can't be read.
fn refresh(app: &mut App, watcher: &mut Watcher, queue: &mut AskQueue<'_>) {
    take_jobs(watcher, queue);
    match watcher.refresh(SystemTime::now(), Wanted::Runs(&app.wanted())) {
        Ok(snapshot) => app.show(snapshot),
        Err(error) => app.error = Some(with_causes(&error)),
    }
}

fn take_jobs(watcher: &mut Watcher, queue: &mut AskQueue<'_>) {
    match queue() {
        None => {}
        Some(Ok(jobs)) => watcher.set_jobs(jobs),
        Some(Err(problem)) => watcher.set_jobs_problem(problem),
    }
}

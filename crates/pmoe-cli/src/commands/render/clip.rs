//! Clips, built picture by picture: GIF, or MP4 through ffmpeg.

use std::fs;
use std::io::{ErrorKind, Write};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use gif::{Encoder, Frame as GifFrame, Repeat};
use pmoe_envs::Frame;
use tempfile::NamedTempFile;

use crate::exit::BadInput;

/// A clip to which pictures are added; all have the size of the first.
pub(super) enum Clip {
    Gif(Gif),
    Mp4(Mp4),
}

impl Clip {
    /// Adds a picture.
    ///
    /// # Errors
    /// If the encoder fails.
    pub(super) fn add(&mut self, frame: &Frame) -> Result<()> {
        match self {
            Self::Gif(gif) => gif.add(frame),
            Self::Mp4(mp4) => mp4.add(frame),
        }
    }

    /// Returns the content of the clip's file.
    ///
    /// # Errors
    /// If the encoder fails.
    pub(super) fn finish(self) -> Result<Vec<u8>> {
        match self {
            Self::Gif(gif) => gif.finish(),
            Self::Mp4(mp4) => mp4.finish(),
        }
    }
}

/// An endlessly repeating clip.
pub(super) struct Gif {
    encoder: Encoder<Vec<u8>>,
    /// Time that each picture is shown, in hundredths of a second.
    delay: u16,
}

impl Gif {
    /// Creates a clip that starts with `first` and shows each picture for `seconds`.
    pub(super) fn new(first: &Frame, seconds: f64) -> Result<Self> {
        let (width, height) = (u16::try_from(first.width)?, u16::try_from(first.height)?);
        let mut encoder = Encoder::new(Vec::new(), width, height, &[])?;
        encoder.set_repeat(Repeat::Infinite)?;
        // Viewers treat a delay below two hundredths as ten.
        let mut clip = Self { encoder, delay: (100.0 * seconds).round().max(2.0) as u16 };
        clip.add(first)?;
        Ok(clip)
    }

    fn add(&mut self, frame: &Frame) -> Result<()> {
        let (width, height) = (u16::try_from(frame.width)?, u16::try_from(frame.height)?);
        // Speed 10, on a scale from 1 (best colours) to 30 (fastest).
        let mut picture = GifFrame::from_rgb_speed(width, height, &frame.rgb, 10);
        picture.delay = self.delay;
        Ok(self.encoder.write_frame(&picture)?)
    }

    fn finish(self) -> Result<Vec<u8>> {
        Ok(self.encoder.into_inner()?)
    }
}

/// A clip that the program `ffmpeg` encodes while it is drawn.
pub(super) struct Mp4 {
    ffmpeg: Child,
    /// What it writes. Not its standard output: the format needs a file, in which it goes back.
    file: NamedTempFile,
}

/// Dimensions of the usual pixel format are even: a row or a column is added where they are not.
const EVEN: &str = "pad=ceil(iw/2)*2:ceil(ih/2)*2";

impl Mp4 {
    /// Creates a clip that starts with `first` and shows each picture for `seconds`; `loss` is x264's rate factor.
    ///
    /// # Errors
    /// If there is no ffmpeg on the search path, or it does not start.
    pub(super) fn new(first: &Frame, seconds: f64, loss: u8) -> Result<Self> {
        let file = tempfile::Builder::new().suffix(".mp4").tempfile()?;
        let mut command = Command::new("ffmpeg");
        command.args(["-loglevel", "error", "-f", "rawvideo", "-pixel_format", "rgb24"]);
        command.args(["-video_size", &format!("{}x{}", first.width, first.height)]);
        command.args(["-framerate", &format!("{:.6}", 1.0 / seconds), "-i", "-"]);
        command.args(["-vf", EVEN, "-pix_fmt", "yuv420p", "-movflags", "+faststart"]);
        command.args(["-crf", &loss.to_string()]);
        // The same pictures give the same file.
        command.args(["-bitexact", "-f", "mp4", "-y"]).arg(file.path());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let ffmpeg = command.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => BadInput(
                "an .mp4 takes the program `ffmpeg`, which is not on the search path (on Debian \
                 and Ubuntu the package ffmpeg); --output can end in .gif or .png without it"
                    .to_owned(),
            )
            .into(),
            _ => anyhow::Error::new(error).context("cannot start ffmpeg"),
        })?;
        let mut clip = Self { ffmpeg, file };
        clip.add(first)?;
        Ok(clip)
    }

    fn add(&mut self, frame: &Frame) -> Result<()> {
        let pictures = self.ffmpeg.stdin.as_mut().context("ffmpeg has ended")?;
        match pictures.write_all(&frame.rgb) {
            // It has ended, and `finish` says why.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }

    fn finish(self) -> Result<Vec<u8>> {
        let output = self.ffmpeg.wait_with_output()?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            anyhow::bail!("ffmpeg ended with {}: {}", output.status, message.trim());
        }
        Ok(fs::read(self.file.path())?)
    }
}

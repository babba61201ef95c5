//! A policy as one file in the safetensors format, which every deep-learning library reads.
//!
//! Tensors are called after part and parameter, `actor.router.layers.0.weight`. All else is in one
//! entry of the file's metadata, as JSON: the format leaves the order of several open.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use pmoe_core::optim::{Parameter, parameters_of_bytes, parameters_to_bytes};
use pmoe_results::files::{read_bytes, write_atomic};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::error::CheckpointError;
use super::files::Files;

/// Name of the metadata's entry.
const ENTRY: &str = "pmoe";

/// Ending of the parts that hold a module's parameters.
const MODULE: &str = ".bpk";

/// Size limit of a policy file, in bytes: a hundred times the largest of the paper's methods.
const MOST_BYTES: u64 = 1 << 30;

/// What a policy file says besides the parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyFacts {
    /// Id of the run, see [`RunConfig::id`](crate::RunConfig::id).
    pub run: String,
    /// Steps that the policy was trained for.
    pub env_step: u64,
    /// The run's config, TOML.
    pub config: String,
    /// The same and more for programs that do not know our configs; the file that a finished run
    /// keeps has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<PolicyAbout>,
}

/// What acting with a policy takes besides its parameters, and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyAbout {
    /// The task that it was trained on.
    pub task: String,
    /// Its method.
    pub method: String,
    /// Smallest actions in the task's own units, `[A]`, which -1 stands for.
    pub action_low: Vec<f64>,
    /// Largest actions in the task's own units, `[A]`, which 1 stands for.
    pub action_high: Vec<f64>,
    /// What observations are normalised by, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalizer: Option<PolicyNormalizer>,
    /// Git commit of the program that trained it; `-dirty` stands behind it if files were changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Its run's newest evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<PolicyEvaluation>,
}

/// How a policy sees observations: `clip((obs − mean) / scale, ±clip)`, `[O]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyNormalizer {
    /// `[O]`
    pub mean: Vec<f64>,
    /// `[O]`
    pub scale: Vec<f64>,
    /// Largest magnitude.
    pub clip: f64,
}

/// An evaluation of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyEvaluation {
    /// Steps that the evaluated policy was trained for.
    pub env_step: u64,
    /// Number of episodes.
    pub episodes: usize,
    /// Mean of their undiscounted returns.
    pub mean_return: f64,
}

impl PolicyFacts {
    /// Returns all of it as text by name, for formats whose metadata are texts. Numbers and lists are
    /// JSON.
    pub fn entries(&self) -> Vec<(&'static str, String)> {
        fn json(value: &impl Serialize) -> String {
            serde_json::to_string(value).expect("plain data has a JSON form")
        }
        let Self { run, env_step, config, about } = self;
        let mut entries = vec![
            ("run", run.clone()),
            ("env_step", env_step.to_string()),
            ("config", config.clone()),
        ];
        if let Some(about) = about {
            let PolicyAbout {
                task,
                method,
                action_low,
                action_high,
                // Its own operations where there are only texts.
                normalizer: _,
                commit,
                evaluation,
            } = about;
            entries.extend([("task", task.clone()), ("method", method.clone())]);
            entries.push(("action_low", json(action_low)));
            entries.push(("action_high", json(action_high)));
            entries.extend(commit.clone().map(|commit| ("commit", commit)));
            entries.extend(evaluation.as_ref().map(|found| ("evaluation", json(found))));
        }
        entries
    }
}

#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    facts: PolicyFacts,
    /// The other parts, such as the normaliser's statistics.
    parts: BTreeMap<String, String>,
    /// Checksum of all parts.
    blake3: String,
}

/// Writes the parts of a policy to a file, in one step.
///
/// # Errors
/// Returns an error if a part is neither parameters nor text, or the file can't be written.
pub fn write_policy(
    path: &Path,
    files: &Files<'_>,
    facts: PolicyFacts,
) -> Result<(), CheckpointError> {
    let bytes = policy_bytes(files, facts)?;
    write_atomic(path, &bytes).map_err(|source| CheckpointError::io(path, source))
}

/// Returns the bytes of the file that [`write_policy`] writes.
///
/// # Errors
/// Returns an error if a part is neither parameters nor text.
pub fn policy_bytes(files: &Files<'_>, facts: PolicyFacts) -> Result<Vec<u8>, CheckpointError> {
    let (parameters, entry) = taken_apart(files, facts)?;
    let tensors: Vec<_> = parameters.into_iter().map(as_bytes).collect();
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)));
    let failed = |error: safetensors::SafeTensorError| {
        CheckpointError::content("the parameters", error.to_string())
    };
    let views = views.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let metadata = HashMap::from([(ENTRY.to_owned(), entry)]);
    safetensors::serialize(views, Some(metadata)).map_err(failed)
}

/// Returns the parameters of a policy, in the order of their names, and everything else as JSON.
pub(crate) fn taken_apart(
    files: &Files<'_>,
    facts: PolicyFacts,
) -> Result<(Vec<Parameter>, String), CheckpointError> {
    let (mut parameters, mut parts) = (Vec::new(), BTreeMap::new());
    for name in files.0.keys() {
        let bytes = files.get(name)?;
        let Some(module) = name.strip_suffix(MODULE) else {
            let text = String::from_utf8(bytes);
            let text = text.map_err(|error| CheckpointError::content(name, error.to_string()))?;
            parts.insert(name.clone(), text);
            continue;
        };
        for Parameter { name, shape, values } in parameters_of_bytes(bytes)? {
            parameters.push(Parameter { name: format!("{module}.{name}"), shape, values });
        }
    }
    parameters.sort_by(|a, b| a.name.cmp(&b.name));
    let tensors: Vec<_> = parameters.iter().cloned().map(as_bytes).collect();
    let blake3 = checksum(tensors.iter().map(|(name, _, bytes)| (&**name, &**bytes)), &parts);
    let entry = serde_json::to_string(&Entry { facts, parts, blake3 });
    Ok((parameters, entry.expect("plain data has a JSON form")))
}

fn as_bytes(Parameter { name, shape, values }: Parameter) -> (String, Vec<usize>, Vec<u8>) {
    (name, shape, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// Reads what [`write_policy`] wrote. Nothing in the file is executed.
///
/// # Errors
/// Returns an error if the file can't be read, is damaged or not a policy file.
pub fn read_policy(path: &Path) -> Result<(Files<'static>, PolicyFacts), CheckpointError> {
    let failed = |error: safetensors::SafeTensorError| damaged(path, error);
    let bytes = read_bytes(path, MOST_BYTES).map_err(|error| damaged(path, error))?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(failed)?;
    let entry = metadata.metadata().as_ref().and_then(|of| of.get(ENTRY));
    let entry = entry.ok_or_else(|| damaged(path, "it is no policy of this program"))?;
    let entry: Entry = serde_json::from_str(entry).map_err(|error| damaged(path, error))?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(failed)?;
    let mut all: Vec<(String, TensorView<'_>)> = tensors.tensors();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let found = checksum(all.iter().map(|(name, view)| (&**name, view.data())), &entry.parts);
    if found != entry.blake3 {
        return Err(damaged(path, "its checksum is another"));
    }
    let mut modules: BTreeMap<&str, Vec<Parameter>> = BTreeMap::new();
    for (path_of, view) in &all {
        let named = path_of.split_once('.').filter(|_| view.dtype() == Dtype::F32);
        let (module, name) =
            named.ok_or_else(|| damaged(path, format!("`{path_of}` is no parameter")))?;
        let (numbers, _) = view.data().as_chunks::<4>();
        let values = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let parameter = Parameter { name: name.to_owned(), shape: view.shape().to_vec(), values };
        modules.entry(module).or_default().push(parameter);
    }
    let mut files = Files::default();
    for (module, parameters) in modules {
        files.insert(&format!("{module}{MODULE}"), parameters_to_bytes(parameters)?);
    }
    for (name, text) in entry.parts {
        files.insert(&name, text.into_bytes());
    }
    Ok((files, entry.facts))
}

/// Computes the checksum of tensors, in the order of their names, and other parts.
fn checksum<'a>(
    tensors: impl Iterator<Item = (&'a str, &'a [u8])>,
    parts: &BTreeMap<String, String>,
) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |name: &str, bytes: &[u8]| {
        hasher.update(name.as_bytes()).update(&[0]).update(blake3::hash(bytes).as_bytes());
    };
    tensors.for_each(|(name, bytes)| add(name, bytes));
    parts.iter().for_each(|(name, text)| add(name, text.as_bytes()));
    hasher.finalize().to_hex().to_string()
}

fn damaged(path: &Path, reason: impl ToString) -> CheckpointError {
    CheckpointError::Damaged { path: path.to_owned(), reason: reason.to_string() }
}

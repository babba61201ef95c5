//! Errors of the commands about many runs.

use pmoe_matrix::MatrixError;
use pmoe_regress::RegressError;
use pmoe_report::ReportError;
use pmoe_results::Exit;

/// How the program ends after an error of these commands.
pub(super) fn exit_of(cause: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    if let Some(error) = cause.downcast_ref::<MatrixError>() {
        return match error {
            MatrixError::Results(error) => super::exit_of(error),
            error => error.is_bad_input().then_some(Exit::BadInput),
        };
    }
    if let Some(error) = cause.downcast_ref::<RegressError>() {
        return error.is_bad_input().then_some(Exit::BadInput);
    }
    match cause.downcast_ref::<ReportError>()? {
        ReportError::Results(error) => super::exit_of(error),
        ReportError::NoReport { .. }
        | ReportError::NoRuns { .. }
        | ReportError::Link { .. }
        | ReportError::UnknownReference { .. } => Some(Exit::BadInput),
        ReportError::Write { source, .. } if !pmoe_results::error::is_full(source) => {
            Some(Exit::BadInput)
        }
        _ => None,
    }
}

/// What helps against an error of these commands, if something does.
pub(super) fn help(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let error = cause.downcast_ref::<ReportError>()?;
    matches!(error, ReportError::NoReport { .. }).then_some("`pmoe report` creates one")
}

//! What the policies of all algorithms share: networks, initial values, limits, settings, metrics.

mod init;
mod log_std;
mod mcp;
mod mixture_metrics;
mod net;
mod primitives;
mod settings;
mod std;

pub use self::init::Init;
pub use self::log_std::LogStd;
pub use self::mcp::{FullNet, McpActor, McpNet};
pub use self::mixture_metrics::{COLLAPSE_SHARE, MixtureBatch, routing_information};
pub use self::net::{NetSpec, PrimitiveNet, PrimitiveOutputs, RoutedNet};
pub use self::primitives::PrimitiveActions;
pub use self::settings::{
    EvalPrimitive, FreqReduction, GatingVariance, McpBound, McpConfig, McpGate, McpNetwork,
    NonlinearityConfig, RoutingInput,
};
pub use self::std::{StdConfig, StdParam};

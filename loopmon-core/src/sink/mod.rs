//! stub
/// stub
pub trait Sink: Send + 'static {}

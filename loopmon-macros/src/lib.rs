//! stub
#![forbid(unsafe_code)]
use proc_macro::TokenStream;
/// stub
#[proc_macro_attribute]
pub fn main(_args: TokenStream, item: TokenStream) -> TokenStream {
    item
}

//! docmill

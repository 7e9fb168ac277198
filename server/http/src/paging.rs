//! Limits, offsets and pages of lists, and the reads that resources share.

use std::borrow::Cow;

use mintaka_core::{Col, Direction, Filter, Query, Record, Versioned};
use poem_openapi::Object;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::Serialize;
use uuid::Uuid;

use crate::{ApiError, Ctx};

/// `limit` and `offset` of a list's body. Flatten it into the body.
#[derive(Clone, Debug, Default, Object)]
pub struct Page {
    /// At most so many; null or absent is the default, which is also the maximum (200).
    pub limit: Option<i64>,
    /// Skip so many.
    pub offset: Option<i64>,
}

impl Page {
    /// Limit and offset, checked.
    ///
    /// # Errors
    /// 422 for a limit or an offset out of range.
    pub fn checked(&self, ctx: &Ctx) -> Result<(u64, u64), ApiError> {
        let limit = refuse_past(self.limit, ctx.settings.default_limit)?;
        let offset = self.offset.unwrap_or(0);
        let offset = u64::try_from(offset)
            .map_err(|_| ApiError::member("offset", "Input should be greater than or equal to 0"))?;
        Ok((limit, offset))
    }
}

/// A limit, checked against its maximum, which is also its default.
///
/// # Errors
/// 422 with the stock server's texts (wire W3.10).
pub fn refuse_past(limit: Option<i64>, max: u64) -> Result<u64, ApiError> {
    match limit {
        None => Ok(max),
        Some(n) if n < 0 => Err(ApiError::unprocessable("Invalid limit: must be greater than or equal to 0.")),
        Some(n) if n as u64 > max => {
            Err(ApiError::unprocessable(format!("Invalid limit: must be less than or equal to {max}.")))
        }
        Some(n) => Ok(n as u64),
    }
}

/// `page` and `limit` of a `paginate` body. Flatten it into the body.
#[derive(Clone, Debug, Default, Object)]
pub struct PageNumber {
    /// Number of the page, from 1.
    pub page: Option<i64>,
    /// Rows of a page.
    pub limit: Option<i64>,
}

impl PageNumber {
    /// Page and limit, checked.
    ///
    /// # Errors
    /// 422 for a page or a limit out of range.
    pub fn checked(&self, ctx: &Ctx) -> Result<(u64, u64), ApiError> {
        let page = self.page.unwrap_or(1);
        if page < 1 {
            return Err(ApiError::member("page", "Input should be greater than or equal to 1"));
        }
        Ok((page as u64, refuse_past(self.limit, ctx.settings.default_limit)?))
    }
}

/// One page of a list, with the size of the whole.
#[derive(Serialize)]
pub struct Paginated<T> {
    /// The page's rows.
    pub results: Vec<T>,
    /// Rows of all pages.
    pub count: i64,
    /// Rows of a page.
    pub limit: u64,
    /// Number of pages.
    pub pages: u64,
    /// Number of this page, from 1.
    pub page: u64,
}

impl<T> Paginated<T> {
    /// A page of `results` out of `count`.
    pub fn new(results: Vec<T>, count: i64, (page, limit): (u64, u64)) -> Paginated<T> {
        let pages = if limit == 0 { 0 } else { (count.max(0) as u64).div_ceil(limit) };
        Paginated { results, count, limit, pages, page }
    }
}

impl<T: Type> Type for Paginated<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        format!("{}PaginationResponse", T::name()).into()
    }
    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
        registry.create_schema::<Self, _>(Self::name().into_owned(), |_| {
            let number = || MetaSchemaRef::Inline(Box::new(MetaSchema::new("integer")));
            let properties = vec![
                ("results", <Vec<T> as Type>::schema_ref()),
                ("count", number()),
                ("limit", number()),
                ("pages", number()),
                ("page", number()),
            ];
            let required = properties.iter().map(|(name, _)| *name).collect();
            MetaSchema { properties, required, ..MetaSchema::new("object") }
        });
    }
    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::empty())
    }
}

/// The record of an id.
///
/// # Errors
/// 404 `"{what} not found"`.
pub async fn read<R: Record>(ctx: &Ctx, id: Uuid, what: &str) -> Result<Versioned<R>, ApiError> {
    ctx.reader.get(id).await?.ok_or_else(|| ApiError::not_found(what))
}

/// The records of a filter, in an order.
///
/// # Errors
/// What the store answers.
pub async fn list<R: Record>(
    ctx: &Ctx,
    filter: Filter,
    order: Vec<(Col, Direction)>,
    (limit, offset): (u64, u64),
) -> Result<Vec<Versioned<R>>, ApiError> {
    let query = Query { order, ..Query::of(R::TABLE).filter(filter).limit(limit).offset(offset) };
    Ok(ctx.reader.select(query).await?)
}

/// One page of the records of a filter, and how many there are: `(records, count)`. Feed [`Paginated::new`].
///
/// # Errors
/// What the store answers.
pub async fn number_of<R: Record>(
    ctx: &Ctx,
    filter: Filter,
    order: Vec<(Col, Direction)>,
    (page, limit): (u64, u64),
) -> Result<(Vec<Versioned<R>>, i64), ApiError> {
    let count = ctx.reader.count::<R>(filter.clone()).await?;
    let records = list(ctx, filter, order, (limit, (page - 1).saturating_mul(limit))).await?;
    Ok((records, count))
}

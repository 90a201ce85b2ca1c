/*
 * map_commerce.c - commerce events
 *
 * Knows product actions, promotions and impressions, and the properties of
 * their main objects and items.  Knows nothing of the user or the request.
 */
#include <stdio.h>
#include <string.h>

#include "map_commerce.h"

#define ITEM		"Item"
#define ACTION_MAIN	"Product Action Event"
#define ACTION_ITEM	"Product Action Item"
#define PROMOTION_MAIN	"Promotion Event"
#define PROMOTION_ITEM	"Promotion Event Item"
#define IMPRESSION_MAIN	"Impression Event"
#define IMPRESSION_ITEM	"Product Impression Item"

/* The parts of an event's `data` that make objects; NULL: not there. */
struct commerce {
	struct map_unit	*unit;
	const cJSON	*event_data;
	const cJSON	*product_action;
	const cJSON	*promotion_action;
	const cJSON	*impressions;		/* the array */
	bool		 plain_items;
};

/* A property that is a field's V or N. */
struct field {
	const char	*property;
	const char	*member;	/* of the node */
	bool		 number;
};

static const char *const product_actions[] = {
	"add_to_cart", "remove_from_cart", "checkout", "checkout_option",
	"click", "view_detail", "purchase", "refund", "add_to_wishlist",
	"remove_from_wish_list", "unknown", NULL
};

static const char *const promotion_actions[] = { "view", "click", NULL };

static const struct field product_action_fields[] = {
	{ "transaction_id",		"transaction_id",	false },
	{ "affiliation",		"affiliation",		false },
	{ "total_amount",		"total_amount",		true },
	{ "tax_amount",			"tax_amount",		true },
	{ "shipping_amount",		"shipping_amount",	true },
	{ "coupon_code",		"coupon_code",		false },
	{ "checkout_step",		"checkout_step",	true },
	{ "checkout_options",		"checkout_options",	false },
	{ "product_action_list",	"product_action_list",	false },
	{ "product_list_source",	"product_list_source",	false },
};

static const struct field tail_fields[] = {
	{ "currency_code",		"currency_code",	false },
	{ "screen_name",		"screen_name",		false },
	{ "is_non_interactive",		"is_non_interactive",	true },
};

static const struct field product_fields[] = {
	{ "product_id",			"id",			false },
	{ "product_name",		"name",			false },
	{ "product_brand",		"brand",		false },
	{ "product_category",		"category",		false },
	{ "product_variant",		"variant",		false },
	{ "product_price",		"price",		true },
	{ "product_quantity",		"quantity",		true },
	{ "total_product_amount",	"total_product_amount",	true },
	{ "product_position",		"position",		true },
	{ "product_coupon_code",	"coupon_code",		false },
	{ "product_added_to_cart_time_ms", "added_to_cart_time_ms", true },
};

static const struct field promotion_fields[] = {
	{ "promotion_id",		"id",			false },
	{ "promotion_name",		"name",			false },
	{ "promotion_creative",		"creative",		false },
	{ "promotion_position",		"position",		false },
};

static const cJSON *
get_object(const cJSON *parent, const char *name)
{
	const cJSON *x = json_get(parent, name);

	return cJSON_IsObject(x) ? x : NULL;
}

/* An array, else NULL: nothing is in it. */
static const cJSON *
get_list(const cJSON *parent, const char *name)
{
	const cJSON *x = json_get(parent, name);

	return cJSON_IsArray(x) ? x : NULL;
}

static struct commerce
commerce_of(const cJSON *event_data)
{
	struct commerce c = { .event_data = event_data };

	c.product_action = get_object(event_data, "product_action");
	c.promotion_action = get_object(event_data, "promotion_action");
	c.impressions = get_list(event_data, "product_impressions");
	if (c.impressions != NULL && c.impressions->child == NULL)
		c.impressions = NULL;
	return c;
}

const char *
map_commerce_name(const cJSON *event_data)
{
	struct commerce c = commerce_of(event_data);

	if (c.product_action != NULL)
		return ACTION_MAIN;
	if (c.promotion_action != NULL)
		return PROMOTION_MAIN;
	return c.impressions != NULL ? IMPRESSION_MAIN : ACTION_MAIN;
}

static size_t
count_objects(const cJSON *list)
{
	const cJSON *x;
	size_t n = 0;

	cJSON_ArrayForEach(x, list)
		n += cJSON_IsObject(x);
	return n;
}

size_t
map_commerce_objects(const cJSON *event_data)
{
	struct commerce c = commerce_of(event_data);
	const cJSON *impression;
	size_t n = 0;

	if (c.product_action != NULL)
		n += 1 + count_objects(get_list(c.product_action, "products"));
	if (c.promotion_action != NULL)
		n += 1 + count_objects(get_list(c.promotion_action,
		    "promotions"));
	if (c.impressions != NULL)
		n++;
	cJSON_ArrayForEach(impression, c.impressions)
		n += count_objects(get_list(impression, "products"));
	return n > 0 ? n : 1;
}

static void
put_fields(struct map_props *p, const cJSON *node, const struct field *field,
    size_t n)
{
	for (; n > 0; n--, field++) {
		const cJSON *x = json_get(node, field->member);

		if (field->number)
			map_props_number(p, field->property, x);
		else
			map_props_value(p, field->property, x);
	}
}

static void
put_action(struct map_props *p, const struct commerce *c)
{
	map_props_enum(p, "product_action",
	    json_get(c->product_action, "action"), product_actions);
}

/* The web SDK numbers the two actions. */
static void
put_promotion_action(struct map_props *p, const struct commerce *c)
{
	const cJSON *action = json_get(c->promotion_action, "action");
	const char *literal = json_literal(action);

	if (literal != NULL && strcmp(literal, "1") == 0)
		map_props_text(p, "promotion_action", "view");
	else if (literal != NULL && strcmp(literal, "2") == 0)
		map_props_text(p, "promotion_action", "click");
	else
		map_props_enum(p, "promotion_action", action,
		    promotion_actions);
}

/* The currency belongs to the event, not to the node of an item. */
static void
put_currency(struct map_props *p, const struct commerce *c)
{
	map_props_value(p, "currency_code",
	    json_get(c->event_data, "currency_code"));
}

static void
add_members(struct map_list *list, const cJSON *objects, const char *member)
{
	const cJSON *x;

	cJSON_ArrayForEach(x, objects)
		map_list_add(list, json_get(x, member));
}

static void
put_ids(struct map_props *p, const char *property, const cJSON *objects)
{
	struct map_list list;

	map_list_begin(&list, p->w);
	add_members(&list, objects, "id");
	map_props_list(p, property, &list);
}

static void
begin_main(const struct commerce *c, struct map_props *p, const char *event,
    const char *node)
{
	map_object_begin(c->unit, p, event, strlen(event), node, ":main");
}

/* Every main object ends with the event's own properties. */
static void
end_main(const struct commerce *c, struct map_props *p)
{
	put_fields(p, c->event_data, tail_fields, HR_COUNT(tail_fields));
	map_object_end(c->unit, p, json_get(c->event_data,
	    "custom_attributes"));
}

/* `position` is the item's place among all entries of the node's lists. */
static void
begin_item(const struct commerce *c, struct map_props *p, const char *event,
    const char *node, size_t position)
{
	char role_end[32];

	if (c->plain_items)
		event = ITEM;
	snprintf(role_end, sizeof(role_end), ":item:%zu", position);
	map_object_begin(c->unit, p, event, strlen(event), node, role_end);
}

static void
end_item(const struct commerce *c, struct map_props *p, const cJSON *item)
{
	map_object_end(c->unit, p, json_get(item, "custom_attributes"));
}

static void
put_product_action(const struct commerce *c)
{
	const cJSON *products = get_list(c->product_action, "products"), *x;
	struct map_props p;
	size_t position = 0;

	begin_main(c, &p, ACTION_MAIN, "product_action");
	put_action(&p, c);
	put_ids(&p, "product_ids", products);
	put_fields(&p, c->product_action, product_action_fields,
	    HR_COUNT(product_action_fields));
	end_main(c, &p);

	cJSON_ArrayForEach(x, products) {
		if (cJSON_IsObject(x)) {
			begin_item(c, &p, ACTION_ITEM, "product_action",
			    position);
			put_action(&p, c);
			map_props_value(&p, "transaction_id",
			    json_get(c->product_action, "transaction_id"));
			put_currency(&p, c);
			put_fields(&p, x, product_fields,
			    HR_COUNT(product_fields));
			end_item(c, &p, x);
		}
		position++;
	}
}

static void
put_promotions(const struct commerce *c)
{
	const cJSON *promotions = get_list(c->promotion_action, "promotions");
	const cJSON *x;
	struct map_props p;
	size_t position = 0;

	begin_main(c, &p, PROMOTION_MAIN, "promotion_action");
	put_promotion_action(&p, c);
	put_ids(&p, "promotion_ids", promotions);
	end_main(c, &p);

	cJSON_ArrayForEach(x, promotions) {
		if (cJSON_IsObject(x)) {
			begin_item(c, &p, PROMOTION_ITEM, "promotion_action",
			    position);
			put_promotion_action(&p, c);
			put_fields(&p, x, promotion_fields,
			    HR_COUNT(promotion_fields));
			end_item(c, &p, x);
		}
		position++;
	}
}

static void
put_impression_main(const struct commerce *c)
{
	struct map_props p;
	struct map_list list;
	const cJSON *impression;

	begin_main(c, &p, IMPRESSION_MAIN, "product_impressions");
	map_list_begin(&list, p.w);
	cJSON_ArrayForEach(impression, c->impressions)
		add_members(&list, get_list(impression, "products"), "id");
	map_props_list(&p, "product_ids", &list);
	map_list_begin(&list, p.w);
	add_members(&list, c->impressions, "product_impression_list");
	map_props_list(&p, "product_impression_list", &list);
	end_main(c, &p);
}

static void
put_impression_items(const struct commerce *c, const cJSON *impression,
    size_t *position)
{
	const cJSON *products = get_list(impression, "products"), *x;
	struct map_props p;

	cJSON_ArrayForEach(x, products) {
		if (cJSON_IsObject(x)) {
			begin_item(c, &p, IMPRESSION_ITEM,
			    "product_impressions", *position);
			map_props_value(&p, "product_impression_list",
			    json_get(impression, "product_impression_list"));
			put_currency(&p, c);
			put_fields(&p, x, product_fields,
			    HR_COUNT(product_fields));
			end_item(c, &p, x);
		}
		(*position)++;
	}
}

static void
put_impressions(const struct commerce *c)
{
	const cJSON *impression;
	size_t position = 0;

	put_impression_main(c);
	cJSON_ArrayForEach(impression, c->impressions)
		put_impression_items(c, impression, &position);
}

/* Nothing that was accepted disappears: an event without any node is sent. */
static void
put_bare(const struct commerce *c)
{
	struct map_props p;

	begin_main(c, &p, ACTION_MAIN, "product_action");
	end_main(c, &p);
}

void
map_commerce_put(struct map_unit *unit, const cJSON *event_data,
    bool plain_items)
{
	struct commerce c = commerce_of(event_data);

	c.unit = unit;
	c.plain_items = plain_items;
	if (c.product_action != NULL)
		put_product_action(&c);
	if (c.promotion_action != NULL)
		put_promotions(&c);
	if (c.impressions != NULL)
		put_impressions(&c);
	if (unit->objects == 0)
		put_bare(&c);
}

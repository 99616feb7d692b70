//! Sorting and paging: SQLite and PostgreSQL return the order of the core, and the same pages.

use scim_core::{
    path::AttributePath,
    quirks::{Quirks, Tolerance},
    resource::{Position, Resource, Sort, SortKey},
    schema::{AttributeId, AttributeType},
    sql::{Mapping, Statement, page},
    store::{RequestedAttributes, Scan, Stored, Version, Window},
};
use scim_core_databases::{
    Database,
    random::Random,
    sample::{Filters, resource, user},
    table::{create, fit, map, map_declared},
};

#[test]
fn pages_agree_with_the_sorted_list() {
    let resource_type = user();
    let mut random = Random::new(0xfeed_beef_1234_5677);
    let fitted = |id: AttributeId, value| fit(&resource_type, id, value);
    let all: Vec<Resource> = (0..130).map(|number| resource(&mut random, &resource_type, number, &fitted)).collect();
    // The last resources are not stored: a sort position may belong to a deleted resource.
    let (resources, gone) = all.split_at(100);
    let stored: Vec<Stored> =
        resources.iter().map(|resource| Stored::new(resource.clone(), Version::from(1))).collect();
    let attributes = Filters::new(&resource_type, resources, |_| true);
    let mut orders = vec![None];
    for attribute in attributes.simple() {
        if resource_type.attribute(*attribute).data_type() == AttributeType::Binary {
            continue;
        }
        let path: AttributePath = resource_type.path(*attribute).parse().expect("a path");
        for descending in [false, true] {
            let sort = Sort::new(&resource_type, path.as_ref(), descending, &mut Tolerance::new(Quirks::default()));
            orders.push(Some(sort.unwrap_or_else(|error| panic!("{path}: {error}"))));
        }
    }
    let (mut pages, mut sorted_by_columns) = (0, 0);
    for mut database in Database::all() {
        create(&mut database, &resource_type, resources);
        let dialect = database.dialect();
        let mappings = [
            map(Mapping::documents(&resource_type, "a.id", "a.comparable"), dialect),
            map(Mapping::columns(&resource_type, "a.id"), dialect),
            map_declared(Mapping::documents(&resource_type, "a.id", "a.comparable"), dialect),
        ];
        for (mapping, sort) in
            mappings.iter().flat_map(|mapping| orders.iter().map(move |sort| (mapping, sort.as_ref())))
        {
            let by_columns = std::ptr::eq(mapping, &raw const mappings[1]);
            if sort.is_some_and(|sort| !mapping.sorts(dialect, sort)) {
                assert!(by_columns, "a document is sorted by whatever it has");
                continue;
            }
            sorted_by_columns += usize::from(by_columns && sort.is_some());
            let keys: Vec<(Option<SortKey>, &str)> =
                all.iter().map(|resource| (sort.and_then(|sort| sort.key(resource)), resource.id())).collect();
            let mut windows = vec![
                Window::Offset { skip: 0, take: 1_000 },
                Window::Offset { skip: 0, take: 0 },
                Window::Offset { skip: 7, take: 20 },
                Window::Offset { skip: u64::MAX, take: usize::MAX },
                Window::After { last: None, take: 30 },
                Window::Before { first: None, take: 30 },
            ];
            for (key, id) in [3, 50, 99, 105, 129].map(|index| &keys[index]) {
                let position = Some(Position { key: key.as_ref(), id });
                windows.push(Window::After { last: position, take: 20 });
                windows.push(Window::Before { first: position, take: 20 });
                windows.push(Window::After { last: position, take: 200 });
                windows.push(Window::Before { first: position, take: 200 });
            }
            for window in windows {
                let requested = RequestedAttributes::everything();
                let scan = Scan {
                    resource_type: &resource_type,
                    filter: &[],
                    sort,
                    window,
                    requested: &requested,
                    count: false,
                };
                let expected = scan.select(stored.iter().cloned());
                let expected_ids: Vec<&str> = expected.items.iter().map(|item| item.resource.id()).collect();
                let mut select = Statement::new(dialect);
                select.push("SELECT a.id FROM account AS a WHERE a.tenant = ").bind("acme");
                select.window(mapping, sort, window).expect("mapped");
                let (ids, more) = page(database.texts(&select), window);
                let by = sort.map(|sort| resource_type.path(sort.attribute()));
                assert_eq!(ids, expected_ids, "{by:?} {window:?}\n{}", select.text());
                assert_eq!(more, expected.more, "{by:?} {window:?}");
                pages += 1;
            }
        }
    }
    eprintln!("{pages} pages in {} orders; {} resources are gone", orders.len(), gone.len());
    assert!(sorted_by_columns >= 20);
}

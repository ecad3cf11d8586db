"""Small warehouses in the shape of Fivetran's tables: every rule of the mappings meets a row."""

from __future__ import annotations

ROLES = """id,name,developer_name,parent_role_id,forecast_user_id
r-vp,VP,vp,,
r-mgr,Manager,mgr,r-vp,
r-rep,Rep,rep,r-mgr,
"""
USERS = """id,name,username,email,manager_id,user_role_id,is_active,_fivetran_deleted
u-vp,Vera,v@x,vera@example.com,,r-vp,true,false
u-mgr,Milo,m@x,5a8d==,,r-mgr,true,false
u-rep,Rosa,r@x,rosa@example.com,,r-rep,true,false
u-own,Otto,o@x,,u-vp,r-rep,false,false
u-gone,Gus,g@x,,,r-rep,false,true
"""
ACCOUNTS = """id,name,industry,number_of_employees,owner_id,parent_id,is_deleted
a-1,Acme,Tech,1200,u-rep,a-2,false
a-2,Umbrella,Health,many,u-rep,,false
a-3,Gone,Tech,5,u-rep,,true
"""
OPPORTUNITIES = """id,name,account_id,amount,close_date,created_date,last_modified_date,owner_id,\
probability,stage_name,is_won,is_closed,is_deleted,type,forecast_category_name,next_step
o-won,Won,a-1,120000,2026-03-01 00:00:00,2026-01-02 10:00:00,2026-03-01 09:00:00,u-rep,100,\
Closed Won,true,true,false,New Customer,Closed,
o-open,Open,a-1,5000.005,2026-06-20,2026-02-01 00:00:00,2026-05-01 0:30:00,u-rep,60,\
GavUFuuf4DrnQAoiRGlWpQ==,false,false,false,Renewal,Commit,Call
o-lost,Lost,a-2,900,2026-02-10,2026-01-05 00:00:00,2026-02-10 00:00:00,u-own,0,hash==,false,true,\
false,hash==,Omitted,
o-lines,Lines,a-3,,2026-08-01,2026-04-01 00:00:00,,u-new,1000,hash==,false,false,false,,hash==,
o-gone,Gone,a-1,77,2026-08-01,2026-04-01 00:00:00,,u-rep,10,Prospecting,false,false,true,,,
o-far,Far,a-1,10,2999-01-01,2026-04-01 00:00:00,,u-rep,10,Prospecting,false,false,false,,,
"""
HISTORY = """_fivetran_active,_fivetran_start,_fivetran_end,id,name,amount,close_date,owner_id,\
probability,stage_name,is_won,is_closed,is_deleted
false,2026-02-15 00:00:00,2026-02-28 23:59:59.999,o-won,Won,110000,2026-03-31,u-rep,90,\
Negotiation/Review,false,false,false
true,2026-03-01 09:00:00,9999-12-31 23:59:59,o-won,Won,120000,2026-03-01,u-rep,100,Closed Won,\
true,true,false
false,2026-01-02 10:00:00,2026-02-20 00:00:00,o-won,Won,,2026-03-31,u-rep,10,Qualification,false,\
false,false
true,2026-03-01 00:00:00,9999-12-31 23:59:59,o-none,None,1,2026-03-31,u-rep,10,Qualification,\
false,false,false
"""
LINES = """id,opportunity_id,total_price,is_deleted,sbqq_subscription_type_c
l1,o-lines,3000,,Renewable
l2,o-lines,500.5,FALSE,One-time
l3,o-lines,9999,TRUE,Renewable
l4,o-won,119000,,Renewable
l5,o-won,abc,,Renewable
"""
SALESFORCE = {
    "sf_opportunity_data.csv": OPPORTUNITIES,
    "user_role.csv": ROLES,
    "sf_user.csv": USERS,
    "account_data.csv": ACCOUNTS,
    "sf_opportunity_history_data.csv": HISTORY,
    "opportunity_line_item.csv": LINES,
}

DEALS = """deal_id,is_deleted,deal_pipeline_id,deal_pipeline_stage_id,owner_id,property_dealname,\
property_amount,property_closedate,property_createdate,property_dealtype
d-won,false,p,s-won,7,Won deal,1000.5,2026-03-01 12:00:00,2026-01-01 9:00:00,newbusiness
d-open,false,p,s-mid,7,Open deal,2000,2026-06-30 00:00:00,2026-02-01 09:00:00,existingbusiness
d-lost,false,p,s-lost,8,Lost deal,300,2026-02-01,2026-01-01 09:00:00,
d-bare,false,,s-nowhere,,Bare deal,,,2026-01-01 09:00:00,
d-into,true,p,s-first,7,Merged away,450,2026-06-30,2026-01-01 09:00:00,
d-gone,true,p,s-first,7,Deleted,450,2026-06-30,2026-01-01 09:00:00,
"""
STAGES = """stage_id,pipeline_id,label,probability,closed_won,is_closed,display_order
s-first,p,Discovery,0.1,FALSE,FALSE,0
s-mid,p,x==,0.5,FALSE,FALSE,1
s-late,p,y==,0.9,FALSE,FALSE,2
s-won,p,z==,1.0,TRUE,TRUE,3
s-lost,p,w==,0.0,FALSE,FALSE,4
s-other,q,v==,0.2,FALSE,FALSE,0
"""
DEAL_STAGES = """deal_id,_fivetran_start,_fivetran_end,_fivetran_active,date_entered,value
d-won,2026-02-01 00:00:00,2050-01-01 00:00:00,TRUE,2026-03-01 12:00:00,s-won
d-won,2026-01-01 09:00:00,2026-03-01 11:59:59,FALSE,2026-01-01 9:00:00,s-first
d-none,2026-01-01 09:00:00,2050-01-01 00:00:00,TRUE,2026-01-01 9:00:00,s-first
"""
PROPERTIES = """deal_id,timestamp,_fivetran_synced,source,name,source_id,value
d-won,2026-01-01 09:00:00,2026-02-01,CRM_UI,amount,1,800
d-won,2026-01-01 09:00:00,2026-02-01,CRM_UI,dealname,1,First name
d-won,2026-02-01 09:00:00,2026-02-01,CRM_UI,amount,1,1000.5
d-won,2026-02-10 09:00:00,2026-02-01,CRM_UI,closedate,1,1772323200000
d-won,2026-03-01 09:00:00,2026-02-01,CRM_UI,dealname,1,Won deal
d-won,2026-03-01 12:00:00,2026-02-01,CRM_UI,dealstage,1,s-won
d-won,2026-02-10 09:00:00,2026-02-01,CRM_UI,hs_colour,1,green
d-open,2026-02-01 09:00:00,2026-02-01,CRM_UI,amount,1,exactly
"""
HUBSPOT = {
    "deal_data.csv": DEALS,
    "deal_pipeline_stage_data.csv": STAGES,
    "deal_stage.csv": DEAL_STAGES,
    "deal_property_history_data.csv": PROPERTIES,
    "merged_deal.csv": "deal_id,merged_deal_id,_fivetran_synced\nd-won,d-into,2026-01-01\n"
    "d-won,d-unheard,2026-01-01\n",
    "deal_company.csv": "company_id,deal_id,type_id,category\nc-1,d-won,1,x\nc-2,d-open,1,x\n",
    "company.csv": "id,property_name,property_industry,is_deleted\nc-1,Acme,Tech,false\n",
    "deal_contact.csv": "contact_id,deal_id,type_id,category\nk-1,d-won,1,x\nk-2,d-won,1,x\n",
    "owner.csv": "owner_id,email,first_name,last_name,is_active\n7,ana@example.com,Ana,Lee,true\n",
    "owner_team.csv": "owner_id,team_id,is_team_primary\n7,t1,true\n8,t2,true\n8,t1,false\n",
    "team.csv": "id,name,parent_team_id\nt1,West,\n",
}
